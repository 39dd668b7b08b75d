"""A ticket's life: everything that may be done to it, by whoever may. See docs/life.md.

Each function takes the caller's open transaction, the actor and the ticket's number; checks that the actor may see it,
locks its row, refuses with a reason or does the whole, and writes one line of history for each change. The caller
commits, rings the bells and sends hints to `Done.keys`.
"""

from models.life.change import Refused, change, change_many, fields
from models.life.cycle import ENDED, STOPPED, TRANSITIONS, Cycle
from models.life.joined import merge, split, unmerge, unsplit
from models.life.refusals import Conflict, NotAllowed, NoTicket, Refusal
from models.life.row import Change, Done
from models.life.said import add_note as note
from models.life.said import link, snooze, unlink
from models.life.worded import worded

__all__ = [
    "ENDED",
    "STOPPED",
    "TRANSITIONS",
    "Change",
    "Conflict",
    "Cycle",
    "Done",
    "NoTicket",
    "NotAllowed",
    "Refusal",
    "Refused",
    "change",
    "change_many",
    "fields",
    "link",
    "merge",
    "note",
    "snooze",
    "split",
    "unlink",
    "unmerge",
    "unsplit",
    "worded",
]
