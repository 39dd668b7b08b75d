"""Follow-up: what a person adds to a ticket opens it again, unless it answers what we asked. Pure, on what is loaded.

Enters: a draft and the ticket that it joined. Leaves: the ticket's status and stage, its events, and the answers for
`models.closing`. Nothing fails.
"""

from __future__ import annotations

from models.life.cycle import STOPPED, Cycle
from models.life.row import shown
from workers import answers
from workers.batch import Draft
from workers.known import KnownTicket
from workers.thread import Threaded


def understood(draft: Draft, threaded: Threaded, ticket: KnownTicket, cycle: Cycle) -> bool:
    """Whether it answers what its customer was asked, and nothing else: then the ticket is not taken up for that."""
    identity, said = draft.identity, draft.message.reply_text or draft.message.text
    assert identity is not None  # noqa: S101 - set by decide
    if not ticket.asked or threaded.guest or draft.proof == "failed" or draft.message.attachments:
        return False
    actor, channel, comment = f"contact:{identity.label}", draft.item.envelope.channel, ""
    if ticket.asked == "solved":
        answer = answers.solved(said)
        if not answer:
            return False
        ticket.events.append((actor, "solved", "", answer))
        if answer == "no":
            take_up(ticket, actor, cycle)
        else:
            end(ticket, actor, cycle)
    else:
        scored = answers.score(said)
        if scored is None:
            return False
        answer, comment = str(scored[0]), scored[1]
        ticket.events.append((actor, "satisfaction", "", answer))
    ticket.answers.append((ticket.asked, answer, comment, channel))
    ticket.asked = ""
    return True


def end(ticket: KnownTicket, actor: str, cycle: Cycle) -> None:
    """Close what its customer says is solved."""
    stage = cycle.settle(ticket.pipeline, ticket.stage, ticket.status, "closed")
    ticket.events.append((actor, "status", ticket.status, "closed"))
    if stage != ticket.stage:
        ticket.events.append((actor, "stage", ticket.stage, stage))
    ticket.status, ticket.stage = "closed", stage


def take_up(ticket: KnownTicket, actor: str, cycle: Cycle) -> None:
    """What a person adds to a matter that was put off, waited or had ended is worked on again."""
    if ticket.snoozed_until is not None:
        ticket.events.append((actor, "snoozed", shown(ticket.snoozed_until), ""))
        ticket.snoozed_until = None
    if ticket.status in STOPPED:
        stage = cycle.settle(ticket.pipeline, ticket.stage, ticket.status, "open")
        ticket.events.append((actor, "status", ticket.status, "open"))
        if stage != ticket.stage:
            ticket.events.append((actor, "stage", ticket.stage, stage))
        ticket.status, ticket.stage = "open", stage
