"""Years of mail, made by the database itself: tickets, messages, keys and items as a desk leaves them behind.

Rows have the widths of real ones but for the raw bytes (1 KB instead of 8), which lie outside the tables and which
nothing looks at again.
"""

from __future__ import annotations

import time

from bench.instance import Instance

CHUNK = 20_000
QUICK = {"session_replication_role": "replica", "synchronous_commit": "off"}
"""Without checking foreign keys, which hold by construction, and without waiting for the disk."""


def fill(instance: Instance, count: int, *, seconds: float) -> int:
    """Add `count` old messages, or as many as fit into `seconds`. Returns how many there are now."""
    begun = time.monotonic()
    done = 0
    while done < count and time.monotonic() - begun < seconds:
        number = min(CHUNK, count - done)
        for statement in STATEMENTS:
            instance.sql(statement.format(count=number), settings=QUICK)
        done += number
    for table in ("contact", "identity", "ticket", "message", "ticket_event", "thread_key", "inbox", "outbox"):
        instance.sql(f"VACUUM (ANALYZE) {table}")
    instance.sql("CHECKPOINT")
    return int(instance.sql("SELECT count(*) FROM message")[0][0])


STATEMENTS = (
    """
    WITH new AS (
        INSERT INTO contact (name, language)
        SELECT 'Old Customer', 'fr' FROM generate_series(1, {count} / 10) RETURNING id)
    INSERT INTO identity (contact_id, channel, address)
    SELECT id, 'email', 'old.' || id || '@firm-' || id % 3000 || '.example' FROM new
    """,
    """
    WITH people AS (SELECT id, contact_id, address, row_number() OVER (ORDER BY id DESC) - 1 AS place FROM identity
                    ORDER BY id DESC LIMIT {count} / 10),
    new AS (
        INSERT INTO ticket (subject, status, contact_id, channel, account, answer_channel, answer_address,
            answer_account, participants, message_count, created_at, updated_at)
        SELECT 'Facture contestée', (ARRAY['closed', 'resolved', 'open'])[1 + n % 3], contact_id, 'email',
            'support@example.org', 'email', address, 'support@example.org',
            ARRAY['email:' || address, 'email:support@example.org'], 3, now() - n % 700 * interval '1 day', now()
        FROM generate_series(1, {count} * 7 / 10) AS n JOIN people ON people.place = n % ({count} / 10)
        RETURNING id, contact_id, created_at),
    keys AS (
        INSERT INTO thread_key (key, ticket_id, own)
        SELECT hashtextextended(id || ':' || n, 0), id, true FROM new, generate_series(1, 2) AS n
        ON CONFLICT DO NOTHING),
    queued AS (
        INSERT INTO outbox (unique_key, kind, channel, lane, ticket_id, payload, state, attempts, settled_at)
        SELECT 'acknowledgement:' || id, 'acknowledgement', 'email', 'email:old', id,
            jsonb_build_object('text', repeat('Nous avons bien reçu votre message. ', 20)), 'done', 1, now() FROM new)
    INSERT INTO ticket_event (ticket_id, actor, kind, new) SELECT id, 'contact:email', 'created', 'open' FROM new
    """,
    """
    WITH place AS (SELECT max(id) - {count} * 7 / 10 AS first FROM ticket),
    items AS (
        INSERT INTO inbox (door_key, channel, account, lane, trace_id, envelope, body, size, state, attempts, outcome,
            ticket_id, settled_at)
        SELECT gen_random_uuid(), 'email', 'support@example.org', 'email:old.' || n || '@firm.example',
            md5(n::text), jsonb_build_object('sender', 'old@firm.example', 'recipients', '[]', 'remote', '192.0.2.1'),
            decode(repeat(md5(n::text), 32), 'hex'), 1000, 'done', 1, 'ticket', first + n * 7 / 10, now()
        FROM generate_series(1, {count}) AS n, place RETURNING id, ticket_id)
    INSERT INTO message (ticket_id, inbox_id, direction, channel, identity_id, sender, external_id, subject,
        subject_key, text, html, reasons, fingerprint, received_at, created_at)
    SELECT items.ticket_id, items.id, 'in', 'email', identity.id, address, md5(items.id::text) || '@firm.example',
        'Facture contestée', hashtextextended('s' || items.id, 0), repeat('Bonjour, je conteste la facture. ', 35),
        repeat('<p class="MsoNormal">Bonjour</p>', 60), '{{"thread": "new ticket", "triage": "billing"}}',
        gen_random_uuid(), now() - items.id % 700 * interval '1 day', now() - items.id % 700 * interval '1 day'
    FROM items JOIN ticket ON ticket.id = items.ticket_id JOIN identity ON identity.contact_id = ticket.contact_id
    """,
)
