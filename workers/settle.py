"""Settle: what a batch of read messages changes, in one transaction.

Enters: claimed items with their readings. Leaves: rows in ticket, message, contact, outbox …, and each item done with
its outcome. May fail: with whatever the database raises, or `write.FencedError`; then nothing at all has changed.

`settle` reads as the way of a batch, `decide` as the way of one message. Deciding is pure, on what `known.load` found;
`write.put` then sets all rows down in bulk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from config.faults import crash_point
from models.keys import mark_key, matter_key, message_key
from models.life.cycle import Cycle
from workers import acknowledge, burst, parties, write
from workers import recognise as recognising
from workers.acquainted import meet
from workers.batch import Acknowledgement, Draft, Item, Office
from workers.budgets import scopes_of
from workers.compose import compose
from workers.dedupe import fingerprint
from workers.follow_up import take_up, understood
from workers.known import Known, KnownIdentity, KnownTicket, Wanted, load
from workers.parties import acknowledged_address, acquaint, answers_from, identity_of, others_of, sender_of, writer_of
from workers.subject import is_answer, matter, subject_key
from workers.thread import Threaded, claimed_tickets, sought_keys, thread
from workers.triage import Sender, triage

NOBODY = "nobody"
"""Opener of a ticket whose sender cannot be named: the first participant is always the opener."""
MOST_KNOWN_BY_SUBJECT = 10
"""Participants of a ticket whose answers are found by its subject alone."""
DAY = timedelta(hours=24)


async def settle(connection: AsyncConnection, items: Sequence[Item], office: Office) -> list[Draft]:
    """Settle `items`, in order, inside the connection's transaction. Returns what became of each message."""
    drafts = [draft for item in items for draft in drafts_of(item, office)]
    known = await load(connection, wanted(drafts, office), limits=office.settings.acknowledge)
    await meet(connection, known, office.settings.resemble)
    first: dict[object, Draft] = {}
    for draft in drafts:
        decide(draft, known, office, first)
    await write.number(connection, drafts, known)
    for draft in drafts:
        if draft.acknowledgement is not None:
            compose(draft, draft.acknowledgement, known, office)
    crash_point("X9")
    await write.put(connection, items, drafts, known)
    return drafts


def drafts_of(item: Item, office: Office) -> list[Draft]:
    """One draft for each message of `item`, with nothing decided yet."""
    return [
        Draft(
            item,
            message,
            fingerprint(message, item.envelope, place),
            writer_of(message, item.envelope, office),
            proof=message.proof,
        )
        for place, message in enumerate(item.messages)
    ]


def wanted(drafts: Sequence[Draft], office: Office) -> Wanted:
    """Everything that the messages may match on: what to lock and load."""
    addresses = {
        address
        for draft in drafts
        for address in (sender_of(draft), acknowledged_address(draft), *others_of(draft))
        if address[1]
    }
    return Wanted(
        addresses=addresses,
        message_keys={key for draft in drafts for key in _keys(draft)},
        labels={label for draft in drafts for label in draft.writer.everybody},
        fingerprints={draft.fingerprint for draft in drafts},
        ticket_ids={number for draft in drafts for number in claimed_tickets(office.secret, draft.message)},
        conversations={draft.message.conversation for draft in drafts if draft.message.conversation},
        scopes={scope for draft in drafts for scope in scopes_of(draft, office)},
        young_seconds=burst.seconds(office.settings),
    )


def _keys(draft: Draft) -> Iterator[int]:
    yield from sought_keys(draft.message, draft.writer)
    if draft.message.report and draft.message.report.message_id:
        yield message_key(draft.message.report.message_id)


def decide(draft: Draft, known: Known, office: Office, first: dict[object, Draft]) -> None:
    """The way of one message: the steps, in order. Each leaves its reason."""
    if dedupe(draft, known, first):
        return
    if draft.message.unseen:
        draft.outcome, draft.report = "machine", draft.message.report
        return
    threaded = thread(draft.message, draft.writer, known, office.secret, office.settings.threading)
    draft.reasons["thread"] = threaded.reason
    if threaded.certain:
        draft.proof = "proved"
    if draft.message.proof_reason:
        draft.reasons["sender"] = draft.message.proof_reason
    if draft.message.also:
        acquaint(draft, known)
    if draft.message.inert:
        file_machine_mail(draft, threaded, known)
        return
    draft.identity = identity_of(sender_of(draft), known, name=draft.message.sender.name)
    draft.quiet_seconds = quiet_seconds(draft, office)
    if draft.message.consent and consent(draft, threaded, known):
        return
    if threaded.ticket is None:
        categorise(draft, office)
        threaded = threaded if draft.message.author else recognise(draft, threaded, known, office)
    if threaded.ticket is None:
        open_ticket(draft, threaded, known, office.cycle)
    else:
        append(draft, threaded, threaded.ticket, known, office.cycle)
        if threaded.ticket.opening and draft.message.conversation:
            burst.join(threaded.ticket, draft.message, office.rules)
    register(draft, threaded, known)
    recognising.remember(draft)
    answer(draft, known, office)


def dedupe(draft: Draft, known: Known, first: dict[object, Draft]) -> bool:
    """Step 1: link the message to the first one that says the same, if there is one."""
    stored = known.fingerprints.get(draft.fingerprint)
    earlier = first.setdefault(draft.fingerprint, draft)
    if stored is None and earlier is draft:
        return False
    draft.outcome, draft.duplicate_of, draft.first = "duplicate", stored, None if stored else earlier
    return True


def consent(draft: Draft, threaded: Threaded, known: Known) -> bool:
    """Step 2, for who says STOP, or takes it back: note it, and keep the message where it was said. False for others.

    Whoever says START without having said STOP says something else ("YES"), and is heard as anybody.
    """
    identity = draft.identity
    assert identity is not None  # noqa: S101 - set by decide
    stop = draft.message.consent == "stop"
    if not stop and identity.stopped_at is None:
        return False
    identity.stopped_at, identity.consent_changed = known.now if stop else None, True
    file_machine_mail(draft, threaded, known)
    draft.reasons["machine"] = f"{identity.label} {'wants nothing more from us' if stop else 'may be written to again'}"
    if draft.ticket is not None:
        draft.ticket.events.append((f"contact:{identity.label}", "consent", "", "stopped" if stop else "given"))
    return True


def categorise(draft: Draft, office: Office) -> None:
    """Step 3, for what opens a ticket: category, priority, language."""
    identity = draft.identity
    assert identity is not None  # noqa: S101 - set by decide
    sender = Sender(
        tier=identity.lately.tier,
        channel=draft.item.envelope.channel,
        earlier=sum(identity.recent.values()),
        overdue=identity.lately.overdue,
    )
    draft.triage = triage(draft.message, office.rules, sender)
    draft.reasons["triage"] = "; ".join(draft.triage.why)


def recognise(draft: Draft, threaded: Threaded, known: Known, office: Office) -> Threaded:
    """Step 3b: link what says again what its sender said lately; merged at once only where the settings say so."""
    ticket = recognising.recognise(draft, known, office.settings.resemble)
    if ticket is None:
        return threaded
    draft.triage = None
    draft.reasons["thread"] = "merged by itself: it says again what opened this ticket"
    return Threaded(ticket, draft.reasons["thread"])


def open_ticket(draft: Draft, threaded: Threaded, known: Known, cycle: Cycle) -> None:
    """Step 4a: a new ticket; it may continue one that ended."""
    message, envelope, identity, verdict = draft.message, draft.item.envelope, draft.identity, draft.triage
    assert identity is not None  # noqa: S101 - set by decide
    assert verdict is not None  # noqa: S101 - set by decide
    channel, account = answers_from(draft)
    identity.language = identity.language or verdict.language
    ended = threaded.continues
    pipeline, stage = cycle.start()
    ticket = KnownTicket(
        identity=identity,
        conversation=message.conversation,
        continues=ended.id if ended else None,
        columns={
            "subject": message.subject.strip() or " ".join(message.reply_text.split()[:12])[:120],
            "priority": verdict.priority,
            "commitment_hours": verdict.commitment,
            "category": verdict.category,
            "product": verdict.product,
            "perimeter": verdict.perimeter,
            "pipeline": pipeline,
            "stage": stage,
            "channel": envelope.channel,
            "account": envelope.account,
            "answer_channel": channel,
            "answer_address": parties.answered_address(draft),
            "answer_account": account,
            "language": verdict.language,
        },
    )
    ticket.opening = message.reply_text if draft.quiet_seconds else ""
    ticket.events.append((message.author or f"contact:{identity.label}", "created", "", "open"))
    if ended:
        ticket.events.append((f"contact:{identity.label}", "continues", str(ended.id), ""))
        known.successors[ended.id] = ticket
    draft.ticket, draft.outcome = ticket, "ticket"
    if message.conversation:
        known.conversations[message.conversation] = ticket


def append(draft: Draft, threaded: Threaded, ticket: KnownTicket, known: Known, cycle: Cycle) -> None:
    """Step 4b: one more message in a ticket. What a person adds to a matter that was waiting or resolved reopens it."""
    identity = draft.identity
    assert identity is not None  # noqa: S101 - set by decide
    draft.ticket, draft.outcome = ticket, "appended"
    if threaded.guest:
        draft.remarks.append(f"{identity.label} had not taken part in this ticket before: the address is not verified.")
    if draft.proof == "failed":
        draft.remarks.append(f"{identity.label} did not write this: {draft.message.proof_reason}.")
    if draft.message.message_id and any(
        other is ticket and own for other, own in known.tickets_of(message_key(draft.message.message_id))
    ):
        draft.remarks.append("Its Message-ID was used before by a message with other content: both are kept.")
    if not draft.message.machine and not understood(draft, threaded, ticket, cycle):
        take_up(ticket, f"contact:{identity.label}", cycle)


def register(draft: Draft, threaded: Threaded, known: Known) -> None:
    """Let later messages find the ticket: by this one's ids and marks, by who takes part, by the subject."""
    ticket, message = draft.ticket, draft.message
    assert ticket is not None  # noqa: S101 - set by the step before
    ticket.added_messages += 1
    if message.message_id:
        known.register(message_key(message.message_id), ticket, own=True)
    for key in (*map(message_key, message.references), *map(mark_key, message.marks)):
        known.register(key, ticket, own=False)
    seat(draft, threaded, ticket)
    if ticket.new and not message.machine and (said := matter(message.subject)):
        writer = draft.writer
        people = {writer.label, writer.circle, *(writer.addressed if writer.desk else ())}
        for label in ticket.participants[:MOST_KNOWN_BY_SUBJECT]:
            if label in people:
                known.register(matter_key(label, said), ticket, own=not is_answer(message.subject))


def seat(draft: Draft, threaded: Threaded, ticket: KnownTicket) -> None:
    """Who may join from now on: those whom the opener, or a proven participant, has written to; others as guests."""
    writer = draft.writer
    if threaded.guest:
        if draft.proof != "failed":
            ticket.invite(writer.label)
        return
    if writer.label in ticket.guests:
        return  # who may add to it is not thereby one who takes part
    if draft.proof == "failed":
        ticket.admit([NOBODY])  # neither the one who was imitated nor those in copy asked for this
        return
    if not ticket.new and draft.proof not in ("proved", "aligned"):
        ticket.admit([writer.label] if writer.label else [])
        return
    others = (*writer.aliases, *sorted(writer.addressed), *writer.desk)
    ticket.admit([writer.label or NOBODY, *filter(None, [writer.circle]), *others])


def answer(draft: Draft, known: Known, office: Office) -> None:
    """Step 5: decide about the acknowledgement by the table A1-A22."""
    message, envelope, ticket, identity = draft.message, draft.item.envelope, draft.ticket, draft.identity
    assert identity is not None  # noqa: S101 - set by decide
    limits = office.settings.acknowledge
    channel, _account = answers_from(draft)
    address = acknowledged_address(draft)
    recipient = known.identities.get(address) or KnownIdentity(address=address)
    scopes = scopes_of(draft, office)
    subject = draft.subject_key = subject_key(message.subject)
    blocked = recipient.blocked_until is not None and recipient.blocked_until > known.now
    stopped = f"its owner said STOP on {recipient.stopped_at:%Y-%m-%d}" if recipient.stopped_at else ""
    history = acknowledge.History(
        new_ticket=draft.outcome == "ticket",
        blocked=stopped or (recipient.blocked_reason if blocked else ""),
        acknowledged_at=recipient.acknowledged_at,
        same_subject=identity.recent.get(subject, 0),
        any_subject=sum(identity.recent.values()),
        domain_hour=max((known.spent.get(s, 0) for s in scopes if s.startswith("domain:")), default=0),
        source_hour=max((known.spent.get(s, 0) for s in scopes if s.startswith("source:")), default=0),
        account_hour=max((known.spent.get(s, 0) for s in scopes if s.startswith("account:")), default=0),
        account_week_mean=next((known.week[s] for s in scopes if s.startswith("account:") and s in known.week), None),
    )
    own = office.channels[channel].is_ours if channel in office.channels else lambda _address: False
    decision = acknowledge.decide(message, envelope, history, limits, now=known.now, own=own)
    identity.recent[subject] = identity.recent.get(subject, 0) + 1
    draft.reasons["acknowledge"] = f"{decision.rule}: {decision.reason}"
    if decision.send and ticket is not None and channel in office.channels:
        language = draft.triage.language if draft.triage else office.settings.triage.languages[0]
        recipient = identity_of(address, known)
        draft.acknowledgement = Acknowledgement(recipient, language)
        recipient.acknowledged_at, recipient.changed = known.now, True
        for scope in scopes:
            known.spent[scope] = known.spent.get(scope, 0) + 1
            known.added[scope] = known.added.get(scope, 0) + 1


def file_machine_mail(draft: Draft, threaded: Threaded, known: Known) -> None:
    """Keep mail that is about other mail: in the ticket that it concerns, if any; it opens and reopens nothing."""
    draft.outcome, draft.ticket, draft.report = "machine", threaded.ticket, draft.message.report
    draft.identity = draft.identity or known.identities.get(sender_of(draft))
    concerned = draft.report.message_id if draft.report else ""
    if draft.ticket is None and concerned:
        draft.ticket = next((ticket for ticket, own in known.tickets_of(message_key(concerned)) if own), None)
    if draft.ticket is not None:
        draft.ticket.added_messages += 1
    draft.reasons["machine"] = draft.message.machine


def quiet_seconds(draft: Draft, office: Office) -> float:
    """How long the acknowledgement waits for further lines: only where there are conversations."""
    channel = office.channels.get(answers_from(draft)[0])
    return channel.quiet_seconds if channel and draft.message.conversation else 0.0
