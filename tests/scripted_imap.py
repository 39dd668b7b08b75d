"""An IMAP server that misbehaves as a test tells it to, and the proxy that cuts connections at random.

It knows just the commands that Guichet's door uses (RFC 3501, 2177, 6851, 4315), and one folder, INBOX.
"""

from __future__ import annotations

import asyncio
import base64
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

CAPABILITIES = "IMAP4rev1 IDLE MOVE UIDPLUS SASL-IR AUTH=XOAUTH2"
Trouble = Callable[["Talk", str, int], bytes | None]
"""Given the conversation, the tag and a UID: the bytes to answer instead of the mail; None: as it should be."""


class ScriptedImap:
    """The server. Mails by UID in `mails`; `troubles` by UID; what it was asked in `commands`."""

    def __init__(self, mails: dict[int, bytes] | None = None) -> None:
        self.mails = mails or {}
        self.validity = 1
        self.capabilities = CAPABILITIES
        self.password = "open-sesame"
        self.tokens: set[str] = set()
        """Access tokens that are good."""
        self.sizes: dict[int, int] = {}
        """Announced sizes that differ from the truth."""
        self.troubles: dict[int, Trouble] = {}
        self.tell_uidnext = True
        self.uidnext: int | None = None
        self.read_only = False
        self.flags: dict[int, set[str]] = {}
        self.moved: list[int] = []
        self.commands: list[str] = []
        self.logins: list[str] = []
        self.talks: set[Talk] = set()
        self.port = 0

    def add(self, *mails: bytes) -> None:
        """Further mails, after the last one; those who idle are told."""
        for mail in mails:
            self.mails[max(self.mails, default=0) + 1] = mail
        for talk in self.talks:
            if talk.idling:
                talk.write(f"* {len(self.mails)} EXISTS\r\n".encode())

    def fetched(self, uid: int) -> int:
        """How often the mail's bytes were asked for, alone."""
        return sum(command.startswith(f"UID FETCH {uid} (BODY.PEEK[])") for command in self.commands)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedImap]:
        """Listen on a port of loopback."""
        server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for talk in tuple(self.talks):
                talk.writer.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(self, reader, writer)
        self.talks.add(talk)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk.converse()
        self.talks.discard(talk)
        writer.close()


class Talk:
    """One connection."""

    def __init__(self, server: ScriptedImap, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.idling = False
        self.over = False

    def write(self, content: bytes) -> None:
        """Send."""
        self.writer.write(content)

    def hang_up(self) -> None:
        """Close, once what was written is out."""
        self.over = True

    async def converse(self) -> None:
        """Until either side has enough."""
        self.write(f"* OK [CAPABILITY {self.server.capabilities}] ready\r\n".encode())
        while not self.over and (line := await self.reader.readline()):
            tag, _, command = line.decode().strip().partition(" ")
            self.server.commands.append(command)
            verb, _, rest = command.partition(" ")
            if verb == "UID":
                verb, _, rest = rest.partition(" ")
            await getattr(self, f"do_{verb.lower()}", self.do_unknown)(tag, rest)
            await self.writer.drain()

    def ok(self, tag: str, text: str = "done") -> None:
        """The tagged yes."""
        self.write(f"{tag} OK {text}\r\n".encode())

    async def do_unknown(self, tag: str, _rest: str) -> None:
        self.write(f"{tag} BAD unknown\r\n".encode())

    async def do_capability(self, tag: str, _rest: str) -> None:
        self.write(f"* CAPABILITY {self.server.capabilities}\r\n".encode())
        self.ok(tag)

    async def do_login(self, tag: str, rest: str) -> None:
        if self.server.password in rest:
            self.ok(tag)
        else:
            self.write(f"{tag} NO [AUTHENTICATIONFAILED] who are you\r\n".encode())

    async def do_authenticate(self, tag: str, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if not initial:
            self.write(b"+ \r\n")
            initial = (await self.reader.readline()).decode().strip()
        said = base64.b64decode(initial).decode()
        self.server.logins.append(said)
        match = re.fullmatch("user=([^\1]+)\1auth=Bearer ([^\1]+)\1\1", said)
        if mechanism == "XOAUTH2" and match and match[2] in self.server.tokens:
            self.ok(tag)
            return
        self.write(b"+ " + base64.b64encode(b'{"status":"400","schemes":"bearer"}') + b"\r\n")
        await self.reader.readline()
        self.write(f"{tag} NO SASL authentication failed\r\n".encode())

    async def do_select(self, tag: str, _rest: str) -> None:
        server = self.server
        self.write(f"* {len(server.mails)} EXISTS\r\n* OK [UIDVALIDITY {server.validity}] ok\r\n".encode())
        if server.tell_uidnext:
            uidnext = server.uidnext or max(server.mails, default=0) + 1
            self.write(f"* OK [UIDNEXT {uidnext}] ok\r\n".encode())
        self.ok(tag, "[READ-ONLY] done" if server.read_only else "[READ-WRITE] done")

    async def do_examine(self, tag: str, rest: str) -> None:
        await self.do_select(tag, rest)

    async def do_search(self, tag: str, rest: str) -> None:
        found = self._uids(rest.removeprefix("UID "))
        self.write(f"* SEARCH {' '.join(map(str, found))}".rstrip().encode() + b"\r\n")
        self.ok(tag)

    def _uids(self, which: str) -> Sequence[int]:
        mails = sorted(self.server.mails)
        if which == "*":
            return mails[-1:]
        found: list[int] = []
        for piece in which.split(","):
            first, _, last = piece.partition(":")
            found += [uid for uid in mails if int(first) <= uid <= int(last or first)]
        return found

    async def do_fetch(self, tag: str, rest: str) -> None:
        which, _, items = rest.partition(" ")
        for uid in self._uids(which):
            if uid not in self.server.mails:
                continue
            place = sorted(self.server.mails).index(uid) + 1
            trouble = self.server.troubles.get(uid) if "BODY.PEEK[]" in items else None
            answer = trouble(self, tag, uid) if trouble else None
            if answer is not None:
                self.write(answer)
                if self.over or answer.startswith(tag.encode()):
                    return
                continue
            self.write(f"* {place} FETCH (UID {uid} ".encode() + self._items(uid, items) + b")\r\n")
        self.ok(tag)

    def _items(self, uid: int, items: str) -> bytes:
        mail = self.server.mails[uid]
        if "HEADER" in items:
            head = mail.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            return b"BODY[HEADER]<0> " + literal(head)
        if "BODY.PEEK[]" in items:
            return b"BODY[] " + literal(mail)
        size = self.server.sizes.get(uid, len(mail))
        return f'RFC822.SIZE {size} INTERNALDATE "22-Nov-2026 08:00:00 +0000"'.encode()

    async def do_store(self, tag: str, rest: str) -> None:
        which, _, what = rest.partition(" ")
        for uid in self._uids(which):
            self.server.flags.setdefault(uid, set()).update(re.findall(r"\\\w+", what))
        self.ok(tag)

    async def do_move(self, tag: str, rest: str) -> None:
        for uid in self._uids(rest.partition(" ")[0]):
            self.server.moved.append(uid)
            del self.server.mails[uid]
        self.ok(tag)

    async def do_expunge(self, tag: str, rest: str) -> None:
        for uid in self._uids(rest):
            if "\\Deleted" in self.server.flags.get(uid, set()):
                del self.server.mails[uid]
        self.ok(tag)

    async def do_idle(self, tag: str, _rest: str) -> None:
        self.write(b"+ idling\r\n")
        self.idling = True
        line = await self.reader.readline()
        self.idling = False
        if line.strip() == b"DONE":
            self.ok(tag)
        else:
            self.over = True

    async def do_logout(self, tag: str, _rest: str) -> None:
        self.write(b"* BYE\r\n")
        self.ok(tag)
        self.over = True


def literal(content: bytes) -> bytes:
    """`content` as RFC 3501 §4.3 sends it."""
    return b"{%d}\r\n" % len(content) + content


# Troubles.


def nil(talk: Talk, _tag: str, uid: int) -> bytes:
    """The mail has no bytes."""
    return f"* 1 FETCH (UID {uid} BODY[] NIL)\r\n".encode()


def refusal(_talk: Talk, tag: str, _uid: int) -> bytes:
    """The server answers the whole command with BAD."""
    return f"{tag} BAD internal error\r\n".encode()


def cut(talk: Talk, _tag: str, uid: int) -> bytes:
    """The literal breaks off, and with it the connection."""
    talk.hang_up()
    return f"* 1 FETCH (UID {uid} BODY[] {{1000}}\r\nonly a lit".encode()


def nonsense(_talk: Talk, _tag: str, uid: int) -> bytes:
    """Parentheses without end."""
    return f"* 1 FETCH (UID {uid} BODY[] {'(' * 5000}\r\n".encode()


def monstrous(_talk: Talk, _tag: str, uid: int) -> bytes:
    """A literal of ten gigabytes is announced."""
    return f"* 1 FETCH (UID {uid} BODY[] {{10000000000}}\r\n".encode() + b"x" * 1000


def missing(_talk: Talk, _tag: str, _uid: int) -> bytes:
    """Nothing is said of the mail."""
    return b""


# A line that breaks.


@asynccontextmanager
async def breaking_line(port: int, chance: random.Random, *, most: int) -> AsyncIterator[tuple[int, list[int]]]:
    """A port that leads to `port`; each connection is cut after a random number of bytes, `most` at most.

    Yields the port, and the list of the bytes after which connections were cut, which grows.
    """
    cuts: list[int] = []

    async def carry(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_connection("127.0.0.1", port)
        left = chance.randrange(most)
        uphill = asyncio.create_task(_pump(client, forth))
        try:
            while chunk := await server.read(min(left, 4096) or 1):
                back.write(chunk[:left])
                await back.drain()
                left -= len(chunk)
                if left <= 0:
                    cuts.append(left)
                    break
        except ConnectionError:
            pass
        finally:
            uphill.cancel()
            back.close()
            forth.close()

    proxy = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield proxy.sockets[0].getsockname()[1], cuts
    finally:
        proxy.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(4096):
            sink.write(chunk)
            await sink.drain()
