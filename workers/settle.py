"""Settle: what a batch of read messages changes, in one transaction.

Enters: claimed items with their readings. Leaves: rows in ticket, message, contact, outbox …, and each item done with
its outcome. May fail: with whatever the database raises, or `write.FencedError`; then nothing at all has changed.

`settle` reads as the way of a batch, `decide` as the way of one message. Deciding is pure, on what `known.load` found;
`write.put` then sets all rows down in bulk.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network

from sqlalchemy.ext.asyncio import AsyncConnection

from config.faults import crash_point
from models import page_link
from models.envelope import InboundMessage
from workers import acknowledge, receipt, write
from workers.batch import Acknowledgement, Draft, Item, Office
from workers.dedupe import fingerprint
from workers.known import Address, Known, KnownIdentity, KnownTicket, Wanted, hash_key, load, message_key
from workers.thread import Threaded, claimed_tickets, own_message_id, reply_token, thread
from workers.triage import triage

REPLY_PREFIX = re.compile(r"(?:\s*(?:re|ref|réf|rép|tr|fwd?|aw|wg|sv|rv|antw)\s?(?:\[\d+\])?\s?:)+", re.IGNORECASE)
MOST_PARTICIPANTS = 50
DAY = timedelta(hours=24)


async def settle(connection: AsyncConnection, items: Sequence[Item], office: Office) -> list[Draft]:
    """Settle `items`, in order, inside the connection's transaction. Returns what became of each message."""
    drafts = [
        Draft(item, message, fingerprint(message, item.envelope, place))
        for item in items
        for place, message in enumerate(item.messages)
    ]
    window = timedelta(minutes=office.settings.acknowledge.window_minutes)
    known = await load(connection, wanted(drafts, office), window=window)
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


def wanted(drafts: Sequence[Draft], office: Office) -> Wanted:
    """Everything that the messages may match on: what to lock and load."""
    addresses = {
        address for draft in drafts for address in (sender_of(draft), acknowledged_address(draft)) if address[1]
    }
    return Wanted(
        addresses=addresses,
        message_keys={message_key(name) for draft in drafts for name in _ids(draft.message) if name},
        fingerprints={draft.fingerprint for draft in drafts},
        ticket_ids={number for draft in drafts for number in claimed_tickets(office.secret, draft.message)},
        conversations={draft.message.conversation for draft in drafts if draft.message.conversation},
        scopes={scope for draft in drafts for scope in scopes_of(draft, office)},
    )


def _ids(message: InboundMessage) -> tuple[str, ...]:
    return (message.message_id, *message.references, message.report.message_id if message.report else "")


def decide(draft: Draft, known: Known, office: Office, first: dict[object, Draft]) -> None:
    """The way of one message: the steps, in order. Each leaves its reason."""
    if dedupe(draft, known, first):
        return
    threaded = thread(draft.message, label_of(sender_of(draft)), known, office.secret)
    draft.reasons["thread"] = threaded.reason
    if draft.message.inert:
        file_machine_mail(draft, threaded, known)
        return
    draft.identity = identity_of(sender_of(draft), known, name=draft.message.sender.name)
    if threaded.ticket is None:
        categorise(draft, office)
        open_ticket(draft, known)
    else:
        append(draft, threaded, threaded.ticket, known)
    register(draft, known)
    answer(draft, known, office)


def dedupe(draft: Draft, known: Known, first: dict[object, Draft]) -> bool:
    """Step 1: link the message to the first one that says the same, if there is one."""
    stored = known.fingerprints.get(draft.fingerprint)
    earlier = first.setdefault(draft.fingerprint, draft)
    if stored is None and earlier is draft:
        return False
    draft.outcome, draft.duplicate_of, draft.first = "duplicate", stored, None if stored else earlier
    return True


def categorise(draft: Draft, office: Office) -> None:
    """Step 3, for what opens a ticket: category, priority, language."""
    draft.triage = triage(draft.message, office.rules)
    draft.reasons["triage"] = "; ".join(draft.triage.why)


def open_ticket(draft: Draft, known: Known) -> None:
    """Step 4a: a new ticket."""
    message, envelope, identity, verdict = draft.message, draft.item.envelope, draft.identity, draft.triage
    assert identity is not None  # noqa: S101 - set by decide
    assert verdict is not None  # noqa: S101 - set by decide
    channel, account = answers_from(draft)
    identity.language = identity.language or verdict.language
    ticket = KnownTicket(
        identity=identity,
        conversation=message.conversation,
        columns={
            "subject": message.subject.strip() or " ".join(message.reply_text.split()[:12])[:120],
            "priority": verdict.priority,
            "commitment_hours": verdict.commitment,
            "category": verdict.category,
            "product": verdict.product,
            "perimeter": verdict.perimeter,
            "channel": envelope.channel,
            "account": envelope.account,
            "answer_channel": channel,
            "answer_address": message.sender.address,
            "answer_account": account,
            "language": verdict.language,
        },
    )
    ticket.events.append((f"contact:{identity.label}", "created", "", "open"))
    draft.ticket, draft.outcome = ticket, "ticket"
    if message.conversation:
        known.conversations[message.conversation] = ticket


def append(draft: Draft, threaded: Threaded, ticket: KnownTicket, known: Known) -> None:
    """Step 4b: one more message in a ticket. What a person adds to a matter that was waiting or resolved reopens it."""
    identity = draft.identity
    assert identity is not None  # noqa: S101 - set by decide
    draft.ticket, draft.outcome = ticket, "appended"
    if threaded.proved and not ticket.takes_part(identity.label):
        draft.remarks.append(f"{identity.label} had not taken part in this ticket before: the address is not verified.")
    if draft.message.message_id and any(
        other is ticket and own for other, own in known.tickets_of(message_key(draft.message.message_id))
    ):
        draft.remarks.append("Its Message-ID was used before by a message with other content: both are kept.")
    if ticket.status in ("waiting", "resolved", "closed") and not draft.message.machine:
        ticket.events.append((f"contact:{identity.label}", "status", ticket.status, "open"))
        ticket.status = "open"


def register(draft: Draft, known: Known) -> None:
    """Let later messages find the ticket: by this one's id, by the ids it names, by who takes part."""
    ticket, message, identity = draft.ticket, draft.message, draft.identity
    assert ticket is not None  # noqa: S101 - set by the step before
    ticket.added_messages += 1
    if message.message_id:
        known.register(message_key(message.message_id), ticket, own=True)
    for reference in message.references:
        known.register(message_key(reference), ticket, own=False)
    channel, _account = answers_from(draft)
    people = [identity.label] if identity and identity.address[1] else []
    if ticket.new or message.proof != "unproved":
        people += [f"{channel}:{other.address}" for other in message.recipients[:MOST_PARTICIPANTS] if other.address]
    ticket.admit(people)


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
    history = acknowledge.History(
        new_ticket=draft.outcome == "ticket",
        blocked=recipient.blocked_reason if blocked else "",
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


def compose(draft: Draft, decided: Acknowledgement, known: Known, office: Office) -> None:
    """Word the acknowledgement, now that the ticket has its number, and let answers to it find the ticket."""
    ticket, identity = draft.ticket, draft.identity
    assert ticket is not None  # noqa: S101 - only tickets are acknowledged
    assert identity is not None  # noqa: S101 - set with the ticket
    channel, account = answers_from(draft)
    domain = office.settings.mail.domain or account.partition("@")[2] or "localhost"
    message_id = own_message_id(office.secret, ticket.id, secrets.token_hex(8), domain)
    token = reply_token(office.secret, ticket.id, identity.label)
    place = page_place(decided, ticket, token, known, office)
    decided.outbound = receipt.compose(
        draft.message,
        ticket_number=ticket.id,
        account=account,
        channel=channel,
        to=decided.identity.address[1],
        language=decided.language,
        message_id=message_id,
        reply_address=office.channels[channel].reply_address(account, token),
        priority=str(ticket.columns.get("priority", "normal")),
        commitment=ticket.columns.get("commitment_hours"),
        answer_hours=office.rules.answer_hours,
        link=place,
        trace_id=draft.item.envelope.trace_id,
    )
    ticket.acknowledged = True
    ticket.added_messages += 1
    known.register(message_key(message_id), ticket, own=True)


def page_place(decided: Acknowledgement, ticket: KnownTicket, token: str, known: Known, office: Office) -> str:
    """Make a link to the ticket's page; '' where customers cannot reach us, or have the whole conversation at hand."""
    channel = office.channels[decided.identity.address[0]]
    if not office.settings.public_url or channel.elsewhere() is not None:
        return ""
    nonce = secrets.token_hex(16)
    decided.link = page_link.row(
        office.secret,
        nonce,
        ticket_id=ticket.id,
        address=decided.identity.address,
        reply_token=token,
        now=known.now,
        days=office.settings.portal.link_days,
    )
    return page_link.place(office.settings.base_url, nonce)


def file_machine_mail(draft: Draft, threaded: Threaded, known: Known) -> None:
    """Keep mail that is about other mail: in the ticket that it concerns, if any; it opens and reopens nothing."""
    draft.outcome, draft.ticket, draft.report = "machine", threaded.ticket, draft.message.report
    concerned = draft.report.message_id if draft.report else ""
    if draft.ticket is None and concerned:
        draft.ticket = next((ticket for ticket, own in known.tickets_of(message_key(concerned)) if own), None)
    if draft.ticket is not None:
        draft.ticket.added_messages += 1
    draft.reasons["machine"] = draft.message.machine


def sender_of(draft: Draft) -> Address:
    """The identity that the message counts for, on the channel that answers go out on."""
    return answers_from(draft)[0], draft.message.sender.address


def acknowledged_address(draft: Draft) -> Address:
    """Where an acknowledgement would go: the envelope sender where the channel has one (RFC 3834 §4)."""
    return answers_from(draft)[0], draft.message.acknowledge_to or draft.message.sender.address


def answers_from(draft: Draft) -> tuple[str, str]:
    """Channel and account that answers go out from."""
    message, envelope = draft.message, draft.item.envelope
    return message.answer_by or envelope.channel, message.answer_from or envelope.account


def label_of(address: Address) -> str:
    """`channel:address`; '' where there is no address, so that nobody takes part by having none."""
    return ":".join(address) if address[1] else ""


def identity_of(address: Address, known: Known, *, name: str = "") -> KnownIdentity:
    """The identity at `address`, new if it was unknown. Those without an address are each somebody else."""
    identity = known.identities.get(address)
    if identity is None:
        identity = KnownIdentity(address=address, name=name)
        known.newcomers.append(identity)
        if address[1]:
            known.identities[address] = identity
    return identity


def subject_key(subject: str) -> int:
    """The key of a subject without its reply prefixes, case and spaces."""
    bare = REPLY_PREFIX.sub("", subject, count=1)
    return hash_key("subject:" + " ".join(bare.casefold().split()))


def scopes_of(draft: Draft, office: Office) -> list[str]:
    """The budgets that an acknowledgement of this message would draw on."""
    channel, account = answers_from(draft)
    scopes = [f"account:{channel}:{account}"]
    domain = acknowledged_address(draft)[1].rpartition("@")[2]
    if domain:
        scopes.append(f"domain:{domain}")
    source = source_of(draft.item.envelope.remote, tuple(office.settings.acknowledge.trusted_sources))
    if source:
        scopes.append(f"source:{source}")
    return scopes


@lru_cache(maxsize=4096)
def source_of(remote: str, trusted: tuple[str, ...]) -> str:
    """The network that counts as one source, /24 or /64; '' for our own relays and where there is no address."""
    try:
        address = ip_address(remote)
    except ValueError:
        return ""
    if any(address in ip_network(network) for network in trusted):
        return ""
    return str(ip_network(f"{remote}/{24 if address.version == 4 else 64}", strict=False))
