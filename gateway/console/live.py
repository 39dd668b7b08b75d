"""What keeps the console live: event streams (HTML §9.2), and who else looks at a ticket.

    GET  /console/live             200 an event stream: "changed" when a ticket that the actor may see has news
    GET  /console/{number}/live    200 "changed", "here" (who else looks or writes, JSON), "typing" (the customer);
                                   404 for a ticket that is not there or not the actor's to see
    POST /console/{number}/sign    204 the actor writes, and the customer sees it where their channel shows such things;
                                   ?kind=note they do not; ?kind=left the actor leaves

Hints carry ids and nothing else. Before an event leaves, the database is asked anew who the actor is and whether the
ticket is theirs to see: a stream that outlives its reader's rights says nothing more, and ends.

Who is here is told by hints under `console:<number>`, agent's id and doing, repeated as long as the page is open and
forgotten some seconds after the last. A lost hint costs a few seconds of not knowing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
from aiohttp import hdrs, web

from config.hints import Hint
from config.pages import guard
from gateway.console.desk import Desk, number_in
from gateway.keys import HINTS
from gateway.staff import actor_of, again
from models import dossier
from models.actor import Actor

STREAM_SECONDS, BEAT_SECONDS = 900.0, 12.0
"""How long a stream lasts before the browser opens a new one, and how often it shows that it lives."""
HERE_SECONDS, WRITING_SECONDS = 30.0, 8.0
"""For how long a sign of somebody counts."""
GAP_SECONDS = 1.0
"""Between two looks of a queue: a burst is one change."""
STREAMS_OF_ONE = 20
MOST_NEWS = 500
LOOKING, WRITING, LEFT = "looking", "writing", "left"


class Stream:
    """One open page."""

    def __init__(self, number: int) -> None:
        """`number` of the ticket; 0 for the queue."""
        self.number = number
        self.news: set[int] = set()
        self.here = False
        self.typing = False
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """Something may have to be written."""
        self.woken.set()


class Live:
    """All streams of one gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._streams: set[Stream] = set()
        self._of: Counter[int] = Counter()
        self._present: dict[int, dict[int, tuple[str, float]]] = {}
        self._conversations: dict[str, int] = {}
        self._closing = False
        desk.conversations.watch(self.hear)

    async def end(self, _app: web.Application) -> None:
        """Let every stream go."""
        self._closing = True
        for stream in self._streams:
            stream.wake()

    def hear(self, key: str, kind: str, detail: str) -> None:
        """A hint came in."""
        place, _, rest = key.partition(":")
        if place == "console":
            self._note(number_in(rest), kind, number_in(detail))
        elif place == "ticket":
            self._wake(number_in(rest))
        elif kind == "typing" and (number := self._conversations.get(key)):
            for stream in self._streams:
                if stream.number == number:
                    stream.typing = True
                    stream.wake()

    def _wake(self, number: int) -> None:
        for stream in self._streams:
            if stream.number in (0, number) and len(stream.news) < MOST_NEWS:
                stream.news.add(number)
                stream.wake()

    def _note(self, number: int, doing: str, agent: int) -> None:
        """Somebody looks at a ticket, writes in it, or has left it."""
        if not any(stream.number == number for stream in self._streams):
            return
        present = self._present.setdefault(number, {})
        before = present.get(agent, ("", 0.0))
        if doing == LEFT:
            present.pop(agent, None)
        elif doing == LOOKING and before[0] == WRITING and before[1] > time.monotonic():
            return  # still writing: the beat of their page says no more than that it is open
        else:
            present[agent] = (doing, time.monotonic() + (WRITING_SECONDS if doing == WRITING else HERE_SECONDS))
        if before[0] != present.get(agent, ("", 0.0))[0]:
            self._tell_here(number)

    def _tell_here(self, number: int) -> None:
        for stream in self._streams:
            if stream.number == number:
                stream.here = True
                stream.wake()

    # the streams

    async def queue(self, request: web.Request) -> web.StreamResponse:
        """The queue's."""
        return await self._run(request, Stream(0), self._say_queue)

    async def ticket(self, request: web.Request) -> web.StreamResponse:
        """A ticket's."""
        number, actor = number_in(request.match_info["number"]), actor_of(request)
        async with self._desk.reading() as connection:
            whole = await dossier.key_of(connection, actor, number)
        if whole is None:
            return self._desk.refused(request, 404)
        if whole.conversation:
            self._conversations[whole.conversation] = number
        stream = Stream(number)
        stream.here = True
        try:
            self._sign(number, LOOKING, actor.id)
            if whole.conversation:
                self._desk.conversations.hint(whole.conversation, "agent_seen", str(whole.newest))
            return await self._run(request, stream, self._say_ticket)
        finally:
            self._sign(number, LEFT, actor.id)
            if not any(one.number == number for one in self._streams):
                self._present.pop(number, None)
                self._conversations.pop(whole.conversation, None)

    async def sign(self, request: web.Request) -> web.StreamResponse:
        """The actor writes, or leaves: the end of a stream is noticed only when something is written to it."""
        number, actor = number_in(request.match_info["number"]), actor_of(request)
        async with self._desk.reading() as connection:
            whole = await dossier.key_of(connection, actor, number)
        if whole is None:
            return web.Response(status=404)
        if request.query.get("kind") == LEFT:
            self._sign(number, LEFT, actor.id)
            return web.Response(status=204)
        self._sign(number, WRITING, actor.id)
        if whole.conversation and request.query.get("kind") != "note":
            self._desk.conversations.hint(whole.conversation, "agent_typing", actor.name)
        return web.Response(status=204)

    def _sign(self, number: int, doing: str, agent: int) -> None:
        self._desk.app[HINTS].send([Hint(f"console:{number}", doing, str(agent))])

    async def _run(
        self,
        request: web.Request,
        stream: Stream,
        say: Callable[[web.StreamResponse, Stream, Actor], Awaitable[None]],
    ) -> web.StreamResponse:
        agent = actor_of(request).id
        if self._of[agent] >= STREAMS_OF_ONE:
            return web.Response(status=429)
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        guard(response, live=True)
        self._streams.add(stream)
        self._of[agent] += 1
        try:
            with suppress(TimeoutError, ConnectionError):
                await response.prepare(request)
                await response.write(b"retry: 2000\n\n")
                async with asyncio.timeout(STREAM_SECONDS):
                    stream.wake()
                    while not self._closing and await self._beat(request, response, stream, say):
                        pass
        finally:
            self._streams.discard(stream)
            self._of[agent] -= 1
        return response

    async def _beat(
        self,
        request: web.Request,
        response: web.StreamResponse,
        stream: Stream,
        say: Callable[[web.StreamResponse, Stream, Actor], Awaitable[None]],
    ) -> bool:
        """Wait for news, or for the time to show that we live. False where the stream has to end."""
        silent = False
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await stream.woken.wait()
        except TimeoutError:
            silent = True
        stream.woken.clear()
        if self._closing or (actor := await again(request)) is None:
            return False
        await say(response, stream, actor)
        await response.write(b": still here\n\n")
        if silent and stream.number:  # the page took what was written: it is still open
            self._sign(stream.number, LOOKING, actor.id)
        return True

    async def _say_queue(self, response: web.StreamResponse, stream: Stream, actor: Actor) -> None:
        numbers, stream.news = stream.news, set()
        if not numbers:
            return
        async with self._desk.reading() as connection:
            seen = await dossier.sees(connection, actor, sorted(numbers))
        if seen:
            await response.write(b"event: changed\ndata:\n\n")
            await asyncio.sleep(GAP_SECONDS)

    async def _say_ticket(self, response: web.StreamResponse, stream: Stream, actor: Actor) -> None:
        async with self._desk.reading() as connection:
            if not await dossier.sees(connection, actor, [stream.number]):
                raise ConnectionError  # it is another team's now
        if stream.news:
            stream.news = set()
            await response.write(b"event: changed\ndata:\n\n")
        if stream.typing:
            stream.typing = False
            await response.write(b"event: typing\ndata:\n\n")
        if self._forget(stream.number) or stream.here:
            stream.here = False
            await response.write(await self._here(stream.number, actor))

    def _forget(self, number: int) -> bool:
        """Drop those whose last sign is long ago; those who wrote look on. True where somebody was."""
        present, now = self._present.get(number, {}), time.monotonic()
        over = [agent for agent, (_doing, until) in present.items() if until < now]
        for agent in over:
            doing, _until = present.pop(agent)
            if doing == WRITING:
                present[agent] = (LOOKING, now + HERE_SECONDS)
        return bool(over)

    async def _here(self, number: int, actor: Actor) -> bytes:
        agents, _teams = await self._desk.people()
        names = {agent.id: agent.name for agent in agents}
        others = [
            {"name": names[agent], "doing": doing}
            for agent, (doing, _until) in sorted(self._present.get(number, {}).items())
            if agent != actor.id and agent in names
        ]
        return b"event: here\ndata: " + msgspec.json.encode(others) + b"\n\n"
