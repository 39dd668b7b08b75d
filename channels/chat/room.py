"""Rooms: the open windows of one conversation in this gateway, and how news reach them.

A hint makes a room look into the database for the lines that its windows lack. Hints that come while it looks make it
look once more. A hint may be lost: every few seconds all rooms are compared with the database, some hundreds in one
query. A window that joins reads for itself what it lacks, and is welcomed with that; then the room keeps it up to date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from channels import Busy, Conversations
from channels.chat import said
from config import logs
from models.envelope import Line

SIGNS = {"agent_typing": "typing", "agent_seen": "seen"}
"""Passing signs from our side, and the frames that they become."""

TOGETHER = 250
"""Rooms that are compared with the database at once."""
PAGE = 200
"""Lines fetched at once."""

log = logs.of("chat")


class Window:
    """One open window: a socket, or a request that waits."""

    __slots__ = ("missed", "number", "put", "ready")

    def __init__(self, put: Callable[[dict[str, Any]], None]) -> None:
        """`put` queues a frame for it; it never blocks."""
        self.put = put
        self.ready = False
        """Whether it was welcomed: until then it gets no lines, so that the welcome can bring them."""
        self.missed = False
        """Whether something was said meanwhile."""
        self.number = 0
        """The last line that it was sent."""

    def show(self, lines: Sequence[Line], visitor: str) -> None:
        """Queue those lines that it lacks."""
        for line in lines:
            if line.number > self.number:
                self.number = line.number
                self.put(frame_of(line, visitor))


class Room:
    """The windows of one conversation."""

    __slots__ = ("again", "key", "looked", "task", "windows")

    def __init__(self, key: str) -> None:
        self.key = key
        self.windows: list[Window] = []
        self.looked = 0
        """The newest message number that was known when it last looked."""
        self.task: asyncio.Task[None] | None = None
        self.again = False

    @property
    def visitor(self) -> str:
        """Whose conversation it is."""
        return self.key.partition(":")[2]


class Rooms:
    """All rooms of one gateway."""

    def __init__(self, conversations: Conversations, *, seconds: float) -> None:
        """`seconds` between two comparisons with the database."""
        self._conversations = conversations
        self._seconds = seconds
        self._rooms: dict[str, Room] = {}
        conversations.watch(self.hear)

    def join(self, key: str, window: Window) -> Room:
        """Let a window in. It is told of news from now on."""
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = Room(key)
        room.windows.append(window)
        return room

    def welcomed(self, room: Room, window: Window) -> None:
        """The window has what there was; it gets what was said meanwhile."""
        window.ready = True
        if window.missed:
            self.look(room)

    def leave(self, room: Room, window: Window) -> None:
        """A window closes."""
        if window in room.windows:
            room.windows.remove(window)
        if not room.windows:
            self._rooms.pop(room.key, None)

    def tell_others(self, room: Room, window: Window, frame: dict[str, Any]) -> None:
        """Show a frame in the other windows of the room."""
        for other in room.windows:
            if other is not window:
                other.put(frame)

    def hear(self, key: str, kind: str, detail: str) -> None:
        """A hint came in."""
        room = self._rooms.get(key)
        if room is None:
            return
        if kind == "said":
            for window in room.windows:
                window.missed = window.missed or not window.ready
            self.look(room)
        elif kind in SIGNS:
            for window in room.windows:
                window.put({"type": SIGNS[kind], "detail": detail})

    def look(self, room: Room) -> None:
        """Fetch what the windows lack, soon."""
        room.again = True
        if room.task is None or room.task.done():
            room.task = asyncio.create_task(self._look(room))

    async def _look(self, room: Room) -> None:
        while room.again and (ready := [window for window in room.windows if window.ready]):
            room.again = False
            try:
                least = min(window.number for window in ready)
                lines = await self._conversations.lines(room.key, after=least, most=PAGE)
            except Busy:
                return  # the next comparison finds it
            for window in ready:
                window.show(lines, room.visitor)
            room.again = room.again or len(lines) >= PAGE

    async def keep_up(self) -> None:
        """Compare all rooms with the database, some at a time, again and again until cancelled."""
        while True:
            keys = list(self._rooms)
            parts = [keys[start : start + TOGETHER] for start in range(0, len(keys), TOGETHER)] or [[]]
            for part in parts:
                await asyncio.sleep(self._seconds / len(parts))
                try:
                    await self._compare(part)
                except Busy:
                    continue
                except Exception:
                    log.exception("chat_catch_up_bug")

    async def _compare(self, keys: Sequence[str]) -> None:
        """Look where the database has something newer than a room has seen. Raises `Busy`."""
        for key, number in (await self._conversations.newest(keys) if keys else {}).items():
            room = self._rooms.get(key)
            if room is not None and number > room.looked:
                room.looked = number
                if any(window.number < number for window in room.windows):
                    self.look(room)


def frame_of(line: Line, visitor: str) -> dict[str, Any]:
    """A line as the window gets it."""
    speaker = "visitor" if line.direction == "in" else "desk" if line.automatic else "agent"
    return {
        "type": "line",
        "number": line.number,
        "id": said.line_id(visitor, line.id),
        "from": speaker,
        "name": line.name if speaker == "agent" else "",
        "text": line.text,
        "at": line.at,
        "files": [{"id": file.id, "name": file.filename, "size": file.size} for file in line.files],
    }
