"""A session: one window, from its hello on. The same for a socket and for the fallback over plain HTTP.

    silent ──hello──▶ greeted ──say, who, seen, typing, since, ping──▶ greeted
       └── a stranger's token: `StrangerError`

Enters: frames of the browser's, one after the other. Leaves: frames for the window. `Busy` and `TooLarge` never leave:
they become frames. A line that was put off holds back those behind it until it comes again, so that order is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from channels import Accept, Busy, TooLarge, wording
from channels.chat import frames, said, visitor
from channels.chat.room import Room, Rooms, Window, frame_of
from channels.chat.said import Said, SaidFile
from channels.chat.site import shown
from channels.limits import Buckets, Crowd
from config.customer_pages import ChatSite
from config.settings import Settings
from models.envelope import Envelope, Guest, RawMessage

RENEW_AFTER = 86_400.0
"""A token older than this, in seconds, is replaced by a fresh one."""
HISTORY = 100
"""Lines that a window without any gets."""
BUSY_SECONDS = 3.0


@dataclass(slots=True)
class Counter:
    """What all sessions of a gateway share."""

    name: str
    settings: Settings
    accept: Accept
    secret: bytes
    rooms: Rooms
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    newcomers: Buckets
    lines: Buckets
    signs: Buckets
    polls: Buckets
    crowd: Crowd
    held: list[int] = field(default_factory=lambda: [0])
    """Bytes of files being taken in now."""

    def now(self) -> float:
        """POSIX time."""
        return self.clock().timestamp()


class Session:
    """One window. `close` must be called at its end."""

    def __init__(
        self,
        counter: Counter,
        site_name: str,
        site: ChatSite,
        address: str,
        put: Callable[[dict[str, Any]], None],
        facts: dict[str, str],
    ) -> None:
        """`address` is the client's, `put` queues a frame, `facts` go into the envelope of what is said."""
        self._counter, self._site_name, self._site, self._address = counter, site_name, site, address
        self._facts = facts
        self._window = Window(put)
        self._put = put
        self._room: Room | None = None
        self._blocked = ""
        self._seen = 0
        self._told = False
        """Whether a line of this visit said who and where they are: once is enough."""
        self._page = self._language = ""
        self._guest = Guest()
        self.visitor = ""

    @property
    def key(self) -> str:
        """The conversation."""
        return f"{self._counter.name}:{self.visitor}"

    def close(self) -> None:
        """Leave the room."""
        if self._room is not None:
            self._counter.rooms.leave(self._room, self._window)
            self._room = None

    async def handle(self, frame: frames.Frame) -> None:
        """Do what a frame says. Raises `StrangerError`."""
        if isinstance(frame, frames.Hello):
            await self.hello(frame)
        elif isinstance(frame, frames.Ping):
            self._put({"type": "pong"})
        elif self._room is None:
            self._put(frames.error("hello"))
        elif isinstance(frame, frames.Say):
            await self.say(frame)
        else:
            await self._other(frame)

    async def _other(self, frame: frames.Frame) -> None:
        conversations = self._counter.accept.conversations
        try:
            if isinstance(frame, frames.Who):
                await self._who(frame)
            elif isinstance(frame, frames.Seen) and frame.number > self._seen:
                self._seen = frame.number
                await conversations.seen(self.key, min(frame.number, self._window.number))
            elif isinstance(frame, frames.Since):
                for line in await conversations.lines(self.key, after=max(frame.after, 0), most=HISTORY):
                    self._put(frame_of(line, self.visitor))
            elif isinstance(frame, frames.Typing) and not self._counter.signs.take(self.visitor, self._counter.now()):
                conversations.hint(self.key, "typing", self.visitor)
        except Busy:
            self._put(frames.later("", BUSY_SECONDS, "busy"))

    def admit(self, token: str) -> None:
        """Take the visitor from a token that stands beside a file. Raises `StrangerError`."""
        counter = self._counter
        days = counter.settings.chat.token_days
        self.visitor, _age = visitor.judge(counter.secret, self._site_name, token, counter.now(), days=days)

    def become(self, guest: Guest | None) -> None:
        """Speak as `guest`."""
        self._guest = guest or Guest()
        self._language = self._guest.language

    # hello

    async def hello(self, frame: frames.Hello) -> None:
        """Find out who it is, join the room, say what there is."""
        counter = self._counter
        self.close()
        self._window.ready = self._window.missed = False
        self._language = frame.language if frame.language in counter.settings.triage.languages else ""
        self._page = visitor.name(frame.page)[:300] if frame.page.startswith(("https://", "http://")) else ""
        token, fresh = self._recognise(frame)
        if not token:
            self._put(frames.later("", 30.0, "slow"))
            return
        self._room = counter.rooms.join(self.key, self._window)
        try:
            await self._welcome(frame, token, fresh=fresh)
        except Busy:
            self.close()
            self._put(frames.later("", BUSY_SECONDS, "busy"))

    def _recognise(self, frame: frames.Hello) -> tuple[str, bool]:
        """The visitor's token, and whether they are new; '' where too many come. Raises `StrangerError`."""
        counter, site, now = self._counter, self._site_name, self._counter.now()
        self._guest = Guest()
        if frame.identity:
            identity = visitor.identify(self._site.identity_secret.get_secret_value(), frame.identity, now)
            self.visitor = visitor.known(counter.secret, site, identity)
            email = visitor.address(identity.email)
            self._guest = Guest(name=visitor.name(identity.name), email=email, language=self._language, proved=True)
            return visitor.issue(counter.secret, site, self.visitor, now), False
        if frame.token:
            self.visitor, age = visitor.judge(
                counter.secret, site, frame.token, now, days=counter.settings.chat.token_days
            )
            if visitor.is_known(self.visitor):
                raise visitor.StrangerError("this visitor is known to the web site, which has to say so again")
            old = age > RENEW_AFTER
            return visitor.issue(counter.secret, site, self.visitor, now) if old else frame.token, False
        if counter.newcomers.take(self._address, now):
            return "", True
        self.visitor = visitor.newcomer(counter.random(16))
        return visitor.issue(counter.secret, site, self.visitor, now), True

    async def _welcome(self, frame: frames.Hello, token: str, *, fresh: bool) -> None:
        """Say everything that a window must know. Raises `Busy`."""
        conversations, after = self._counter.accept.conversations, max(frame.after, 0)
        waiting, lines = [], []
        if self._guest.proved:
            await conversations.introduce(self.key, self._guest)
        if not fresh:
            # In this order: a line that is settled in between stands in both, and its id says so.
            known, accepted = await asyncio.gather(conversations.guest(self.key), conversations.waiting(self.key))
            self._guest = self._guest if self._guest.proved else known or Guest()
            waiting = [said.decode(raw.body) for raw in accepted if raw.envelope.channel == self._counter.name]
            lines = list(await conversations.lines(self.key, after=after, most=HISTORY))
        self._window.number = max((line.number for line in lines), default=after)
        if self._room is None:
            return  # the window closed in the meantime
        self._put(
            {
                "type": "welcome",
                "token": token,
                "site": shown(self._site, self._language or "en", self._counter.clock(), self._counter.settings),
                "guest": {"name": self._guest.name, "email": self._guest.email, "proved": self._guest.proved},
                "lines": [frame_of(line, self.visitor) for line in lines],
                "more": after > 0 and len(lines) >= HISTORY,
                "waiting": [self._own(line, self._counter.clock()) for line in waiting],
            }
        )
        self._counter.rooms.welcomed(self._room, self._window)

    async def _who(self, frame: frames.Who) -> None:
        """Note what the visitor typed about themselves. Raises `Busy`."""
        email = visitor.address(frame.email)
        if frame.email.strip() and not email:
            self._put(frames.error("email"))
            return
        if self._guest.proved:
            return
        if self._counter.signs.take(f"who {self.visitor}", self._counter.now()):
            self._put(frames.later("", 2.0, "slow"))
            return
        self._guest = Guest(name=visitor.name(frame.name), email=email, language=self._language)
        await self._counter.accept.conversations.introduce(self.key, self._guest)
        self._put({"type": "known", "name": self._guest.name, "email": self._guest.email})

    # lines

    async def say(self, frame: frames.Say) -> None:
        """Take a line in, or say why not."""
        text = wording.lines(frame.text)
        if not frames.is_id(frame.id):
            self._put(frames.error("id"))
        elif not text:
            self._put(frames.error("blank", frame.id))
        elif len(text) > frames.LONGEST_TEXT:
            self._put(frames.error("long", frame.id, frames.LONGEST_TEXT))
        else:
            self._put(await self.store(frame.id, text))

    async def store(self, line_id: str, text: str, file: SaidFile | None = None) -> dict[str, Any]:
        """Store one line. Returns the frame that answers it: ack, later or error."""
        if self._blocked and line_id != self._blocked:
            return frames.later(line_id, BUSY_SECONDS, "order")
        self._blocked = line_id
        early = self._counter.lines.take(self.visitor, self._counter.now())
        if early:
            return frames.later(line_id, round(early + 0.5, 1), "slow")
        line = self._said(line_id, text, file)
        at = self._counter.clock()
        try:
            await self._counter.accept(RawMessage(self._envelope(line_id, at), said.encode(line)))
        except Busy:
            return frames.later(line_id, BUSY_SECONDS, "busy")
        except TooLarge:
            self._blocked = ""
            return frames.error("large", line_id)
        self._blocked, self._told = "", True
        if self._room is not None:
            self._counter.rooms.tell_others(self._room, self._window, self._own(line, at))
        return frames.ack(line_id, at)

    def _said(self, line_id: str, text: str, file: SaidFile | None) -> Said:
        return Said(
            id=line_id,
            text=text,
            name=self._guest.name,
            email=self._guest.email if not self._told else "",
            proved=self._guest.proved,
            language=self._language,
            page=self._page if not self._told else "",
            file=file,
        )

    def _envelope(self, line_id: str, at: datetime) -> Envelope:
        counter = self._counter
        return Envelope(
            channel=counter.name,
            account=self._site_name,
            external_id=said.message_id(self.visitor, line_id),
            sender=self.visitor,
            received_at=at,
            remote=self._address,
            trace_id=counter.random(16).hex(),
            lane=self.key,
            facts=self._facts,
        )

    def _own(self, line: Said, at: datetime) -> dict[str, Any]:
        """A line of the visitor's that has no number yet."""
        files = [{"id": 0, "name": line.file.filename, "size": len(line.file.content)}] if line.file else []
        return {
            "type": "line",
            "number": 0,
            "id": line.id,
            "from": "visitor",
            "name": "",
            "text": line.text or (line.file.filename if line.file else ""),
            "at": at,
            "files": files,
        }
