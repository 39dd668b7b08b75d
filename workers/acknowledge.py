"""Whether a message is acknowledged (the table A1-A22, first match wins), by which rule, and why. Pure.

In: the message, its envelope, what the database knows of its sender (`History`), the budgets of the settings, the
time. Out: a `Decision`. Nothing fails. What only a channel can see (headers, spam, a null return path) it has told
in `machine_rule`; everything else is judged here, on every channel alike. `workers.receipt` words the text.

A silent desk annoys, an answering machine that answers machines floods: where two rules speak, the earlier one, which
is the stricter, is heard. Sources: RFC 3834 §2-5; the budgets are for forged senders that name a victim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network

import msgspec

from config.settings import Acknowledge
from models.envelope import Envelope, InboundMessage

DAY = timedelta(hours=24)
"""Of a conversation: how long one acknowledgement serves, and how long we may write after the customer did (A21)."""
QUIET_HOUR = 20
"""Acknowledgements an hour up to which an account's growth alarms nobody: five times very little is little (A19)."""
IMPORTED = {
    "old": "It lay there before Guichet came: it is imported, and nothing is sent because of it.",
    "spoken": "It is a call that an agent wrote down: the customer has spoken with us.",
    "ordered": "One of our own people or programs opened it: nothing is sent because of it.",
    "again": "It was fetched again after the mail server had numbered its mails anew: nothing is sent because of it.",
}
CHANNEL_RULES = frozenset(f"A{row}" for row in range(1, 15))

_MACHINE_NAMES = re.compile(
    r"mailer-?daemon|postmaster|abuse|root|listserv|majordomo|bounces?|bounces?[-+_.=].*|owner-.*|.*-request|.*-bounces?"
    r"|(?:.*[-_.+])?(?:no|do[-_.]?not|ne[-_.]?pas)[-_.]?(?:reply|repl(?:y|ies)|respond|response|repondre|reponse).*"
)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows, loaded before by the caller."""

    new_ticket: bool
    """False: it was appended to a ticket that stood already."""
    blocked: str = ""
    """Why the address must get nothing ('bounced 2026-03-01', 'complaint', 'stopped'); '' where it may."""
    acknowledged_at: datetime | None = None
    """The last acknowledgement to this address."""
    same_subject: int = 0
    """Messages of this sender with this subject in the window, this one not counted."""
    any_subject: int = 0
    """All messages of this sender in the window, this one not counted."""
    domain_hour: int = 0
    """Acknowledgements of the last hour to the sender's domain."""
    source_hour: int = 0
    """The same, caused from the sender's network."""
    account_hour: int = 0
    """The same, from our account."""
    account_week_mean: float | None = None
    """Mean acknowledgements an hour of our account over 7 days; None while there is no such history."""


class Decision(msgspec.Struct, frozen=True):
    """What the table says."""

    send: bool
    held: bool
    """True where a budget is used up: none now, and somebody should look."""
    rule: str
    """A1 … A22, or 'off'."""
    reason: str
    """One plain sentence, shown to the agent."""


class Case(msgspec.Struct, frozen=True):
    """All that a row of the table may look at."""

    message: InboundMessage
    envelope: Envelope
    history: History
    limits: Acknowledge
    now: datetime
    own: Callable[[str], bool]

    @property
    def recipient(self) -> str:
        """Whom an acknowledgement would go to."""
        return self.message.acknowledge_to or self.message.sender.address

    @property
    def typed(self) -> bool:
        """Whether the address was typed, or passed on, by whoever wrote: it may be anybody's."""
        elsewhere = self.message.answer_by not in ("", self.envelope.channel)
        told = self.message.hearsay or elsewhere or bool(self.envelope.facts.get("typed_address"))
        return self.message.proof == "unproved" and told

    @property
    def share(self) -> float:
        """The part of the budgets that this message may use: half for a typed address (A20)."""
        return 0.5 if self.typed else 1.0


Condition = Callable[[Case], str]
"""A row's condition: a sentence where it holds, '' where it does not."""


def decide(
    message: InboundMessage,
    envelope: Envelope,
    history: History,
    limits: Acknowledge,
    *,
    now: datetime,
    own: Callable[[str], bool],
) -> Decision:
    """Walk down the table. `own` tells whether an address is one of ours."""
    if not limits.enabled:
        return Decision(send=False, held=False, rule="off", reason="Acknowledgements are switched off in the settings.")
    if why := envelope.facts.get("import"):
        return Decision(send=False, held=False, rule="off", reason=IMPORTED.get(why, IMPORTED["old"]))
    case = Case(message, envelope, history, limits, now, own)
    for rule, outcome, condition in TABLE:
        if reason := condition(case):
            return Decision(send=outcome == SEND, held=outcome == HOLD, rule=rule, reason=reason)
    raise AssertionError("the last row of the table takes every case")


def _words(message: InboundMessage, rule: str, sentence: str) -> str:
    """The channel's own words for why it named `rule`, else `sentence`."""
    return message.machine.removeprefix(f"{rule}: ") or sentence


def _seen_by_channel(rule: str, sentence: str) -> Condition:
    """A row that the channel has judged; its own words come first."""

    def condition(case: Case) -> str:
        return _words(case.message, rule, sentence) if case.message.machine_rule == rule else ""

    return condition


def _report(case: Case) -> str:
    """A2."""
    if case.message.machine_rule == "A2" or case.message.report is not None:
        return _words(case.message, "A2", "It reports what became of another message.")
    return ""


def _own(case: Case) -> str:
    """A3."""
    if case.message.machine_rule == "A3":
        return _words(case.message, "A3", "It is a message of ours that came back.")
    if any(address and case.own(address) for address in (case.message.sender.address, case.recipient)):
        return "It says to be from an address of ours."
    return ""


def _marked_automatic(case: Case) -> str:
    """A9, and every machine for which the channel names no row of the table."""
    message = case.message
    if message.machine_rule == "A9" or (message.machine_rule and message.machine_rule not in CHANNEL_RULES):
        return _words(message, message.machine_rule, "It carries a mark of an automatic sender.")
    return message.machine if not message.machine_rule else ""


def _machine_address(case: Case) -> str:
    """A10."""
    if case.message.machine_rule == "A10":
        return _words(case.message, "A10", "Its address is a machine's.")
    for address in (case.message.sender.address, case.recipient):
        local, at, _domain = address.lower().rpartition("@")
        if at and _MACHINE_NAMES.fullmatch(local):
            return f"The address {address} is a machine's."
    return ""


def _about_other_mail(case: Case) -> str:
    """A11."""
    if case.message.machine_rule == "A11" or case.message.inert:
        return _words(case.message, "A11", "It answers by itself: an out-of-office notice or a calendar reply.")
    return ""


def _nobody_named(case: Case) -> str:
    """A12."""
    if case.message.machine_rule == "A12":
        return _words(case.message, "A12", "Its author is in doubt.")
    return "" if case.message.sender.address else "It names no address that could be answered."


def _abuse(case: Case) -> str:
    """A13."""
    if case.message.spam:
        return f"It was taken for abuse: {case.message.spam}."
    return _words(case.message, "A13", "It was taken for abuse.") if case.message.machine_rule == "A13" else ""


def _reply(case: Case) -> str:
    """A15."""
    return "" if case.history.new_ticket else "It belongs to a ticket that stands already."


def _blocked(case: Case) -> str:
    """A16."""
    return f"The address must get nothing automatic: {case.history.blocked}." if case.history.blocked else ""


def _recently(case: Case) -> str:
    """A17. Half the budget is once in twice the time."""
    hours = case.limits.address_hours / case.share
    last = case.history.acknowledged_at
    if last is None or case.now - last >= timedelta(hours=hours):
        return ""
    return f"The address had an acknowledgement less than {hours:g} hours ago."


def _repeating(case: Case) -> str:
    """A18."""
    history, limits = case.history, case.limits
    if history.same_subject >= limits.same_subject:
        return f"{history.same_subject} messages of this sender with this subject in {limits.window_minutes} minutes."
    if history.any_subject >= limits.any_subject:
        return f"{history.any_subject} messages of this sender in {limits.window_minutes} minutes."
    return ""


def _domain_budget(case: Case) -> str:
    """A19."""
    return _spent(case, case.history.domain_hour, case.limits.domain_hour, "the sender's domain")


def _source_budget(case: Case) -> str:
    """A19. Our own relays send for everybody: they are no source."""
    if not source_of(case.envelope.remote, tuple(case.limits.trusted_sources)):
        return ""
    return _spent(case, case.history.source_hour, case.limits.source_hour, "the network that it came from")


@lru_cache(maxsize=4096)
def source_of(remote: str, trusted: tuple[str, ...]) -> str:
    """The network that counts as one source, /24 or /64; '' for our own relays and where there is no address."""
    try:
        address = ip_address(remote)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in ip_network(network, strict=False) for network in trusted):
        return ""
    return str(ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))


def _account_budget(case: Case) -> str:
    """A19."""
    return _spent(case, case.history.account_hour, case.limits.account_hour, "our account")


def _growth(case: Case) -> str:
    """A19: more than so many times the usual, once that is more than a quiet hour."""
    mean, hour = case.history.account_week_mean, case.history.account_hour
    if mean is None or hour < max(mean * case.limits.account_growth, QUIET_HOUR) * case.share:
        return ""
    return f"Our account sent {hour} acknowledgements in an hour, where {mean:.1f} are usual."


def _spent(case: Case, sent: int, budget: int, whose: str) -> str:
    allowed = budget * case.share
    if sent < allowed:
        return ""
    return f"The budget of {whose} is used up: {sent} acknowledgements in an hour of {allowed:g} allowed."


def _typed_address(case: Case) -> str:
    """A20."""
    return (
        "A new request; its address was typed and proves nothing: fixed text, half the budgets." if case.typed else ""
    )


def _conversation_done(case: Case) -> str:
    """A21, where it says no: the conversation was answered today, or its window for answers is closed."""
    if not case.message.conversation:
        return ""
    last = case.history.acknowledged_at
    if last is not None and case.now - last < DAY:
        return "The conversation had an acknowledgement less than 24 hours ago."
    if case.now - case.envelope.received_at >= DAY:
        return "It came more than 24 hours ago: the time in which the conversation may be answered is over."
    return ""


def _conversation(case: Case) -> str:
    """A21, where it says yes."""
    return "The first message of a conversation in 24 hours." if case.message.conversation else ""


def _new_request(_case: Case) -> str:
    """A22."""
    return "A new request from a person."


NEVER, HOLD, SEND = "never", "hold", "send"

TABLE: Sequence[tuple[str, str, Condition]] = (
    ("A1", NEVER, _seen_by_channel("A1", "It has a null return path.")),
    ("A2", NEVER, _report),
    ("A3", NEVER, _own),
    ("A4", NEVER, _seen_by_channel("A4", "It is running in a circle.")),
    ("A5", NEVER, _seen_by_channel("A5", "It says that it was sent automatically.")),
    ("A6", NEVER, _seen_by_channel("A6", "It says that it is bulk, list or junk mail.")),
    ("A7", NEVER, _seen_by_channel("A7", "It came over a mailing list.")),
    ("A8", NEVER, _seen_by_channel("A8", "Its sender wants no automatic answers.")),
    ("A9", NEVER, _marked_automatic),
    ("A10", NEVER, _machine_address),
    ("A11", NEVER, _about_other_mail),
    ("A12", NEVER, _nobody_named),
    ("A13", NEVER, _abuse),
    ("A14", NEVER, _seen_by_channel("A14", "Our address is in neither To nor Cc.")),
    ("A15", NEVER, _reply),
    ("A16", NEVER, _blocked),
    ("A17", NEVER, _recently),
    ("A18", NEVER, _repeating),
    ("A19", HOLD, _domain_budget),
    ("A19", HOLD, _source_budget),
    ("A19", HOLD, _account_budget),
    ("A19", HOLD, _growth),
    ("A20", SEND, _typed_address),
    ("A21", NEVER, _conversation_done),
    ("A21", SEND, _conversation),
    ("A22", SEND, _new_request),
)
"""The whole table, in order: the rule, what follows, and when. Budgets of typed addresses (A20) stand in A17, A19."""
