"""A burst: several short lines that say one thing. The ticket is judged by all of them, not by "Bonjour". Pure.

Enters: a line that joined a young ticket, which knows the lines before it. Leaves: category, priority, product and
language anew on the ticket, each change in its history. A matter never becomes less urgent by a further line, and one
that somebody has taken in hand is left alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from config.settings import Settings
from models.envelope import InboundMessage
from models.ticket import PRIORITIES
from workers.known import KnownTicket
from workers.rules import Rules
from workers.triage import Triage, triage

LONGEST_QUIET = 4
"""An acknowledgement waits at most so many times the quiet time: some never stop writing."""
UNTOLD = "other"
"""The category of what no rule recognised."""


def seconds(settings: Settings) -> float:
    """How old a ticket may be for a further line to belong to its beginning."""
    return LONGEST_QUIET * settings.conversation.quiet_seconds


def join(ticket: KnownTicket, message: InboundMessage, rules: Rules) -> None:
    """Judge `ticket` once more, with `message` behind what was said before."""
    ticket.opening = f"{ticket.opening}\n{message.reply_text}"
    whole = msgspec.structs.replace(message, text=ticket.opening, reply_text=ticket.opening)
    verdict = triage(whole, rules)
    for name, new in _better(ticket, verdict).items():
        ticket.events.append(("triage", name, str(ticket.columns.get(name) or ""), str(new or "")))
        ticket.columns[name] = new
        ticket.judged.add(name)


def _better(ticket: KnownTicket, verdict: Triage) -> dict[str, Any]:
    """What all lines together tell that the ticket does not say yet."""
    found: dict[str, Any] = {}
    before = ticket.columns
    if PRIORITIES.index(verdict.priority) > PRIORITIES.index(before["priority"]):
        found |= {"priority": verdict.priority, "commitment_hours": verdict.commitment}
    if verdict.category not in (UNTOLD, before["category"]):
        found["category"] = verdict.category
    if verdict.product and not before["product"]:
        found["product"] = verdict.product
    if verdict.language and verdict.language != before["language"]:
        found["language"] = verdict.language
    return {name: new for name, new in found.items() if new != before.get(name)}
