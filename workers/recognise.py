"""Recognise: tell that a message says again what its sender said lately, by whichever channel. Pure, on what is loaded.

Enters: a draft whose sender is known. Leaves: its sketch, what it resembles and how much; and, where the settings let
such messages be merged by themselves, the ticket to join. Nothing fails. Mail that somebody else sent in the contact's
name resembles nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.settings import Resemble
from workers.batch import Draft
from workers.known import Known, KnownTicket
from workers.lexicon import fold, tokens
from workers.resemble import LEAST, Sketch, nearest
from workers.said import Said

ENDED = ("resolved", "closed")
READ = 1000
"""Characters of a message that opened no ticket, and was therefore not read by triage."""


def recognise(draft: Draft, known: Known, settings: Resemble) -> KnownTicket | None:
    """Find what the message says again. Returns the ticket that it is to join, None for none."""
    sketch = _sketch(draft)
    assert draft.identity is not None  # noqa: S101 - set by decide
    said = draft.identity.lately.said
    place, score = nearest(sketch, [one.sketch for one in said])
    if score < settings.score or draft.proof == "failed" or not settings.hours:
        return None
    draft.resembles = said[place], score
    draft.reasons["resembles"] = f"{score:.0%} of it was said before by the same contact"
    ticket = said[place].ticket or known.tickets.get(said[place].ticket_id)
    if not settings.merge or score < settings.merge_score or ticket is None:
        return None
    ticket = known.resolve(ticket)
    return ticket if ticket.status not in ENDED and ticket.merged_into is None else None


def remember(draft: Draft) -> None:
    """Let later messages of the contact be compared with this one."""
    sketch = _sketch(draft)
    if draft.identity is not None and draft.proof != "failed" and len(sketch.words) >= LEAST:
        draft.said = Said(sketch, ticket=draft.ticket)
        draft.identity.lately.said.append(draft.said)


def _sketch(draft: Draft) -> Sketch:
    """What the message says; worked out once."""
    if draft.sketch is None:
        message = draft.message
        text = f"{message.subject}\n\n{message.reply_text.strip() or message.text}"[:READ]
        draft.sketch = Sketch.of(draft.triage.found if draft.triage else tokens(fold(text)))
    return draft.sketch


def resemblances(drafts: Sequence[Draft], known: Known) -> Iterator[Mapping[str, Any]]:
    """The rows of what was recognised, once everything has its number."""
    for draft in drafts:
        if draft.resembles is None or draft.ticket is None:
            continue
        said, score = draft.resembles
        yield {
            "message_id": draft.id,
            "ticket_id": draft.ticket.id,
            "earlier_id": said.message_id,
            "earlier_ticket_id": said.ticket_id,
            "score": round(score * 100),
            "state": "offered" if said.ticket_id != draft.ticket.id else "merged",
            "created_at": known.now,
        }


def tell(drafts: Sequence[Draft]) -> None:
    """Note it in the histories of both tickets."""
    for draft in drafts:
        if draft.said is not None and draft.ticket is not None:
            draft.said.message_id, draft.said.ticket_id = draft.id, draft.ticket.id
    for draft in drafts:
        if draft.resembles is None or draft.ticket is None:
            continue
        said, score = draft.resembles
        kind = "possible_duplicate" if said.ticket_id != draft.ticket.id else "merged_duplicate"
        draft.ticket.events.append(("worker:recognise", kind, "", f"#{said.ticket_id} ({score:.0%})"))
