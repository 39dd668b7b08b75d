"""Erase: one person goes, everywhere, and it is proved (GDPR, article 17).

    asked ──erase: one transaction──▶ erased ──the object store, local mail, Redis: `workers.erasing`──▶ done

Enters: one address of the person. Leaves: their tickets as bare numbers for the statistics, without words, names or
files; messages of theirs elsewhere emptied; raw bodies, deliveries, links and conversations of theirs gone; their
address replaced by `erased` wherever else it stands, in whatever table; tombstones. What has to go from the object
store is noted in the erasure, so that a run that was cut off goes on from there. Works inside the caller's transaction;
raises `NobodyError`, and what the database raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import to_json
from models import blocks, operation, tombstone
from models.actor import Actor
from models.keys import address_key

KEEPERS = ("alembic_version", "erasure", "tombstone", "agent")
"""Tables that are not searched: they hold the work itself, or digests; and our own people's accounts."""
SHORTEST = 7
"""Letters of an address that names one person. What is shorter (a short code) stands in others' words, too."""


class NobodyError(LookupError):
    """Nobody is known by that address."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One erasing, as far as it got."""

    id: int
    state: str
    labels: tuple[str, ...]
    objects: tuple[str, ...]
    erased: dict[str, int]
    proof: dict[str, int]

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is searched for."""
        return addresses_of(self.labels)


def addresses_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The addresses of `channel:address` labels by which one person can be searched for."""
    found = {label.partition(":")[2].lower() for label in labels}
    return tuple(sorted(address for address in found if len(address) >= SHORTEST))


def pattern_of(addresses: Sequence[str]) -> str:
    """A regular expression, for PostgreSQL and Python alike, of these addresses and of none that they are part of.

    Ann is not JoAnn, nor is example.com example.com.au. Before an address may stand a line's end as JSON writes it.
    """
    named = "|".join(re.sub(r"(\W)", r"\\\1", address) for address in addresses)
    return rf"((?<![\w.+%-])|(?<=\\[nrt]))({named})(?![\w-])(?!\.\w)" if named else r"$^"


async def person(connection: AsyncConnection, address: str) -> tuple[int, tuple[str, ...]]:
    """The contact whom an address (or `channel:address`) leads to, and the labels of all their identities."""
    contact = (await connection.execute(_CONTACT, {"address": address.lower()})).scalar_one_or_none()
    if contact is None:
        raise NobodyError(f"nobody is known by {address}")
    return int(contact), tuple((await connection.execute(_LABELS, {"contact": contact})).scalars())


async def erase(connection: AsyncConnection, actor: Actor, secret: bytes, address: str) -> Erasure:
    """Erase whom `address` leads to from every table, and note what is left to do elsewhere."""
    contact, labels = await person(connection, address)
    pairs = [(label.partition(":")[0], label.partition(":")[2]) for label in labels]
    await connection.execute(_LOCK, {"keys": sorted(map(address_key, pairs))})  # nothing of theirs is being settled
    addresses = addresses_of(labels)
    values = {"contact": contact, "labels": list(labels), "addresses": list(addresses)}
    values["pattern"] = pattern_of(addresses)
    await connection.execute(_CHOOSE_TICKETS, {"contact": contact})
    await connection.execute(_CHOOSE_MESSAGES, values)
    await connection.execute(_CHOOSE_ITEMS, values)
    objects = list((await connection.execute(_OBJECTS)).scalars())
    marks = [mark for row in await connection.execute(_MARKS) for mark in (row.external_id, str(row.fingerprint or ""))]
    await tombstone.erect(connection, secret, "message", marks)
    await tombstone.erect(connection, secret, "address", labels)
    dead = list((await connection.execute(_DEAD)).scalars())
    if dead:
        await blocks.reopen(connection, dead)
    counts = await _empty(connection, values, [*EMPTIED, *_OF_ONE])
    counts["elsewhere"] = await _replace(connection, addresses)
    note = {"actor": actor.label, "labels": list(labels), "objects": objects, "erased": to_json(counts)}
    erasure = _erasure((await connection.execute(_NOTE, note)).one())
    said = ", ".join(f"{name} {count}" for name, count in counts.items())
    await operation.write(connection, actor, "erase", [f"erasure:{erasure.id}"], said)
    await _let_go(connection)
    return erasure


async def retire(connection: AsyncConnection, days: float, by_category: Mapping[str, float], most: int) -> int:
    """Empty up to `most` closed tickets whose time has passed, and note the objects of theirs. Returns how many.

    What is left is what the figures need: numbers, states, times. `days` is for all categories that have no time of
    their own in `by_category`; 0 is for ever.
    """
    names, spans = list(by_category), [float(span) for span in by_category.values()]
    values = {"names": names, "spans": spans, "days": days, "most": most}
    values["shortest"] = min((span for span in (*spans, days) if span), default=0.0)
    if not values["shortest"]:
        return 0
    count = int((await connection.execute(_RETIRE, values)).rowcount)
    if count:
        nobody = {"contact": 0, "labels": [], "addresses": []}
        await connection.execute(_CHOOSE_MESSAGES, nobody)
        await connection.execute(_CHOOSE_ITEMS, nobody)
        await connection.execute(_UNNEEDED, {"objects": list((await connection.execute(_OBJECTS)).scalars())})
        await _empty(connection, nobody, EMPTIED)
        await _let_go(connection)
    else:
        await connection.execute(text("DROP TABLE gone_ticket"))
    return count


async def _empty(connection: AsyncConnection, values: Mapping[str, Any], names: Sequence[str]) -> dict[str, int]:
    """Empty what was chosen. Returns how many rows of which table."""
    return {name: int((await connection.execute(_STEPS[name], values)).rowcount) for name in names}


async def _let_go(connection: AsyncConnection) -> None:
    for table in ("gone_ticket", "gone_message", "gone_item"):
        await connection.execute(text(f"DROP TABLE {table}"))


async def unfinished(connection: AsyncConnection) -> list[Erasure]:
    """Those that something is left to do of, oldest first."""
    return [_erasure(row) for row in await connection.execute(_UNFINISHED)]


async def needed(connection: AsyncConnection, sha256: str) -> bool:
    """Whether any row still points at an object."""
    return bool((await connection.execute(_NEEDED, {"sha256": sha256})).scalar_one())


async def prove(connection: AsyncConnection, addresses: Sequence[str]) -> dict[str, int]:
    """Search every row of every table for the addresses, as text and as bytes. Returns the hits by table."""
    values = {"pattern": pattern_of(addresses), "octets": [f"%{address.encode().hex()}%" for address in addresses]}
    found = {}
    for table in (await connection.execute(_TABLES, {"keepers": list(KEEPERS)})).scalars().all():
        statement = text(
            f'SELECT count(*) FROM "{table}" AS searched'
            " WHERE searched::text ~* :pattern OR searched::text ILIKE ANY(:octets)"
        )
        found[table] = int((await connection.execute(statement, values)).scalar_one())
    return found


async def done(connection: AsyncConnection, number: int, proof: dict[str, int]) -> None:
    """Note that nothing is left to do, and forget whom it was about."""
    await connection.execute(_DONE, {"id": number, "proof": to_json(proof)})


async def _replace(connection: AsyncConnection, addresses: Sequence[str]) -> int:
    """Put `erased` in the place of each address, in every column that holds text."""
    pattern = pattern_of(addresses)
    count = 0
    for row in (await connection.execute(_COLUMNS, {"keepers": list(KEEPERS)})).all():
        statement = text(
            f'UPDATE "{row.table_name}" SET "{row.column_name}" ='
            f""" regexp_replace("{row.column_name}"::text, :pattern, 'erased', 'gi')::{row.kind}"""
            f""" WHERE "{row.column_name}"::text ~* :pattern"""
        )
        count += int((await connection.execute(statement, {"pattern": pattern})).rowcount)
    return count


def _erasure(row: Any) -> Erasure:
    return Erasure(
        id=row.id,
        state=row.state,
        labels=tuple(row.labels),
        objects=tuple(row.objects),
        erased=row.erased,
        proof=row.proof,
    )


_CONTACT = text(
    """
    SELECT contact_id FROM identity WHERE lower(address) = :address OR lower(channel || ':' || address) = :address
    ORDER BY id LIMIT 1
    """
)
_LABELS = text("SELECT channel || ':' || address FROM identity WHERE contact_id = :contact ORDER BY id")
_LOCK = text("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(cast(:keys AS bigint[])) AS key")
_CHOOSE_TICKETS = text("CREATE TEMPORARY TABLE gone_ticket AS SELECT id FROM ticket WHERE contact_id = :contact")
_CHOOSE_MESSAGES = text(
    """
    CREATE TEMPORARY TABLE gone_message AS
    SELECT id, inbox_id, external_id, fingerprint FROM message
    WHERE ticket_id IN (SELECT id FROM gone_ticket) OR sender = ANY(:labels)
       OR identity_id IN (SELECT id FROM identity WHERE contact_id = :contact)
    """
)
_CHOOSE_ITEMS = text(
    """
    CREATE TEMPORARY TABLE gone_item AS
    SELECT id, body_sha256, state FROM inbox
    WHERE id IN (SELECT inbox_id FROM gone_message) OR ticket_id IN (SELECT id FROM gone_ticket)
       OR lane = ANY(:labels) OR lower(envelope->>'sender') = ANY(:addresses)
    """
)
_OBJECTS = text(
    """
    SELECT body_sha256 FROM gone_item WHERE body_sha256 <> '' UNION
    SELECT sha256 FROM attachment WHERE content IS NULL AND sha256 <> ''
      AND message_id IN (SELECT id FROM gone_message)
    """
)
_MARKS = text("SELECT external_id, fingerprint FROM gone_message")
_DEAD = text("SELECT id FROM gone_item WHERE state = 'dead'")
_STEPS = {
    "attachment": text(
        """
        UPDATE attachment SET filename = '', content_type = '', content_id = '', content = NULL, sha256 = '', size = 0,
            state = 'unavailable', detail = 'erased'
        WHERE message_id IN (SELECT id FROM gone_message)
        """
    ),
    "media": text(
        """
        UPDATE media SET payload = '{}', lane = 'erased:' || id, last_error = '',
            state = CASE state WHEN 'pending' THEN 'dead' ELSE state END
        WHERE attachment_id IN (
            SELECT id FROM attachment WHERE message_id IN (SELECT id FROM gone_message))
        """
    ),
    "outbox": text(
        """
        UPDATE outbox SET payload = '{}', lane = 'erased:' || id, provider_id = '', last_error = 'erased',
            state = CASE state WHEN 'pending' THEN 'dead' ELSE state END
        WHERE ticket_id IN (SELECT id FROM gone_ticket) OR message_id IN (SELECT id FROM gone_message)
           OR lane = ANY(:labels)
        """
    ),
    "inbox": text(
        """
        UPDATE inbox SET envelope = '{}', body = NULL, body_sha256 = '', lane = 'erased:' || id, last_error = '',
            outcome = CASE WHEN state = 'done' THEN outcome ELSE 'machine' END, state = 'done',
            settled_at = coalesce(settled_at, now())
        WHERE id IN (SELECT id FROM gone_item)
        """
    ),
    "raw bodies of others that name them": text(
        """
        UPDATE inbox SET body = NULL
        WHERE body IS NOT NULL AND state = 'done' AND encode(body, 'escape') ~* :pattern
        """
    ),
    "message": text(
        """
        UPDATE message SET subject = '', subject_key = 0, text = '', reply_text = '', html = '', sender = '',
            sender_name = '', external_id = '', reasons = '{}', remarks = '{}', fingerprint = NULL, sketch = NULL,
            delivery_detail = ''
        WHERE id IN (SELECT id FROM gone_message)
        """
    ),
    "ticket_event": text(
        """
        UPDATE ticket_event SET old = '', new = '' WHERE kind IN ('subject', 'answer', 'tags', 'contact')
          AND ticket_id IN (SELECT id FROM gone_ticket)
        """
    ),
    "message_search": text("DELETE FROM message_search WHERE message_id IN (SELECT id FROM gone_message)"),
    "satisfaction": text("UPDATE satisfaction SET comment = '' WHERE ticket_id IN (SELECT id FROM gone_ticket)"),
    "agent_notice": text("UPDATE agent_notice SET detail = '' WHERE ticket_id IN (SELECT id FROM gone_ticket)"),
    "webhook_event": text("UPDATE webhook_event SET payload = '{}' WHERE ticket_id IN (SELECT id FROM gone_ticket)"),
    "api_request": text(
        """
        DELETE FROM api_request WHERE EXISTS (
            SELECT FROM unnest(cast(:addresses AS text[])) AS one WHERE strpos(lower(body), one) > 0)
        """
    ),
    "thread_key": text("DELETE FROM thread_key WHERE ticket_id IN (SELECT id FROM gone_ticket)"),
    "page_link": text(
        "DELETE FROM page_link WHERE ticket_id IN (SELECT id FROM gone_ticket) OR lower(address) = ANY(:addresses)"
    ),
    "conversation": text("DELETE FROM conversation WHERE key = ANY(:labels) OR lower(email) = ANY(:addresses)"),
    "ticket": text(
        """
        UPDATE ticket SET subject = '', answer_channel = '', answer_address = '', conversation = '', tags = '{}',
            participants = '{}', guests = '{}', status = 'closed', emptied_at = now()
        WHERE id IN (SELECT id FROM gone_ticket)
        """
    ),
    "identity": text(
        """
        UPDATE identity SET address = 'erased-' || id, blocked_reason = '' WHERE contact_id = :contact
        """
    ),
    "contact": text("UPDATE contact SET name = '', language = '', tier = 'standard' WHERE id = :contact"),
}
EMPTIED = (
    "attachment",
    "media",
    "outbox",
    "inbox",
    "message",
    "ticket_event",
    "message_search",
    "satisfaction",
    "agent_notice",
    "webhook_event",
    "thread_key",
    "page_link",
    "conversation",
    "ticket",
)
_OF_ONE = ("raw bodies of others that name them", "api_request", "identity", "contact")
_RETIRE = text(
    """
    CREATE TEMPORARY TABLE gone_ticket AS
    SELECT ticket.id FROM ticket
    LEFT JOIN unnest(cast(:names AS text[]), cast(:spans AS float8[])) AS own (category, days) USING (category)
    WHERE status = 'closed' AND emptied_at IS NULL AND updated_at < now() - make_interval(secs => :shortest * 86400)
      AND coalesce(own.days, :days) > 0
      AND updated_at < now() - make_interval(secs => coalesce(own.days, :days) * 86400)
    ORDER BY updated_at LIMIT :most
    """
)
_UNNEEDED = text(
    """
    INSERT INTO unneeded_object (sha256) SELECT * FROM unnest(cast(:objects AS text[])) ON CONFLICT DO NOTHING
    """
)
_COLUMNS = text(
    """
    SELECT columns.table_name, column_name, CASE data_type WHEN 'ARRAY' THEN 'text[]' ELSE data_type END AS kind
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND NOT table_name = ANY(:keepers)
      AND is_generated = 'NEVER'
      AND (data_type IN ('text', 'jsonb', 'character varying') OR (data_type = 'ARRAY' AND udt_name = '_text'))
    ORDER BY 1, 2
    """
)
_TABLES = text(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(:keepers) ORDER BY 1"
)
_NOTE = text(
    """
    INSERT INTO erasure (actor, state, labels, objects, erased)
    VALUES (:actor, 'erased', :labels, :objects, cast(:erased AS jsonb)) RETURNING *
    """
)
_UNFINISHED = text("SELECT * FROM erasure WHERE state <> 'done' ORDER BY id FOR UPDATE SKIP LOCKED")
_NEEDED = text(
    """
    SELECT EXISTS (SELECT FROM inbox WHERE body_sha256 = :sha256 AND body_sha256 <> '')
        OR EXISTS (SELECT FROM attachment WHERE sha256 = :sha256 AND content IS NULL AND sha256 <> '')
    """
)
_DONE = text(
    """
    UPDATE erasure SET state = 'done', labels = '{}', objects = '{}', done_at = now(), proof = cast(:proof AS jsonb)
    WHERE id = :id
    """
)
