"""The values of one agent's message on its way, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from channels import StaffLine
from models.envelope import AttachedFile, InboundMessage
from workers.batch import Item, Office
from workers.dedupe import fingerprint
from workers.staff import Member
from workers.story import Story


@dataclass(slots=True)
class Taken:
    """What became of an agent's message."""

    outcome: str = "appended"
    ticket_id: int | None = None
    message_id: int | None = None
    queued: bool = False
    """Whether something must be sent now."""
    hints: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Case:
    """One message of an agent's, on its way."""

    connection: AsyncConnection
    office: Office
    item: Item
    line: StaffLine
    member: Member
    """Whose answer it is, or would be; who is told."""
    words: str
    about: Story | None = None
    files: tuple[AttachedFile, ...] = ()
    proof: str = ""
    """What proves it, in words."""
    authentic: bool = False
    """Whether the member demonstrably wrote it."""
    lost: str = ""
    """A file that could not be had."""

    @property
    def message(self) -> InboundMessage:
        """The message."""
        return self.item.messages[0]

    @property
    def once(self) -> str:
        """The same for the same message by another route."""
        return str(fingerprint(self.message, self.item.envelope))


class Withdrawn(Exception):
    """What was begun must not be done after all."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail
