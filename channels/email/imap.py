"""The IMAP door: mail is fetched from mailboxes, and nothing changes there before it is committed here.

Enters: mailboxes of the settings. Leaves: `RawMessage`s, stored in one commit with the folder's new position. May fail:
nothing for others: each folder has a task, a connection, a cursor and a lease of its own; its trouble is logged, kept
with its cursor, and tried again with growing pauses of up to five minutes.

    lease ─▶ connect ─▶ ┌▶ catch up, batch by batch: fetch ─▶ store with position ─▶ mark, move or delete ─┐
                        └──────────── wait for news: IDLE, or the time to look all the same ◀──────────────┘

A crash anywhere costs fetching one batch again: mails that are stored already are known by their external id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from channels import Accept, AcceptError, ChannelError, Lost
from channels.email.imap_envelope import Letter, Origin, seal
from channels.email.imap_fetch import Fetch
from channels.email.imap_line import Line
from channels.email.imap_position import Position, begin, read, resume, written
from channels.email.imap_session import Declined, Listed, Session, State
from channels.email.login import Login, tokens
from config import logs
from config.faults import crash_point
from config.settings import ImapAccount, ImapFolder, Settings
from models.envelope import RawMessage

LEASE_SECONDS = 45.0
IDLE_SECONDS = 540.0
"""IDLE is renewed after this at the latest: servers and firewalls forget a silent client (RFC 2177 says 29 minutes)."""
CHECK_SECONDS = 3600.0
LONGEST_PAUSE = 300.0
WINDOW = 10_000
"""UIDs asked for at once; more of them where there are gaps."""
LISTED_AT_ONCE = 200
BATCH_MAILS = 200
BATCH_BYTES = 4_000_000
MOST_CHECKED = 20_000
WORTH_TELLING = 500
"""A backlog of so many mails is told of in the log, as it shrinks."""

log = logs.of("imap")


class Mailbox:
    """Looks after one folder for as long as `run` runs."""

    def __init__(
        self,
        name: str,
        account: ImapAccount,
        folder: ImapFolder,
        *,
        channel: str,
        accept: Accept,
        login: Login,
        max_bytes: int,
        lease_seconds: float = LEASE_SECONDS,
        shortest_pause: float = 1.0,
        chance: random.Random | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_trace_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self.account = account
        self.origin = Origin(channel, account.address, name, folder.name, folder.junk)
        self.log = log.bind(mailbox=name, folder=folder.name)
        self.check_seconds = CHECK_SECONDS
        self._cursor = accept.cursor(f"{channel}:{name}/{folder.name}")
        self._line = Line(
            lambda: Session(account, folder.name, max_bytes=max_bytes), login, name=f"imap-{name}-{folder.name}"
        )
        self._fetch = Fetch(self._line, max_bytes)
        self._lease_seconds = lease_seconds
        self._shortest_pause = shortest_pause
        self._chance = chance or random.Random()  # noqa: S311 - spreads pauses, guards nothing
        self._clock = clock
        self._make_trace_id = make_trace_id
        self._stored: Position | None = None
        self._failures = 0
        self._checked = float("-inf")
        self._complaint = ""
        """What went wrong in this look without stopping it."""

    # The life of the folder.

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._once()
        finally:
            self._line.end()
            with contextlib.suppress(AcceptError):
                await self._cursor.release()

    async def _once(self) -> None:
        """Hold the folder until something goes wrong; then pause."""
        try:
            value = await self._cursor.lease(self._lease_seconds)
            if value is None:
                await asyncio.sleep(self._lease_seconds / 3)
                return
            await self._while_leased(self._look_after(value))
        except Lost:
            self.log.info("imap_lease_lost")
            await self._line.hang_up()
        except (ChannelError, OSError) as error:
            await self._failed(f"{error}"[:500])
        except Exception as error:
            self.log.exception("imap_bug")
            await self._failed(f"{type(error).__name__}: {error}"[:500])

    async def _failed(self, reason: str) -> None:
        pause = min(LONGEST_PAUSE, self._shortest_pause * 2**self._failures) * self._chance.uniform(0.5, 1.0)
        self._failures = min(self._failures + 1, 20)
        self.log.warning("imap_failed", error=reason, again_in=round(pause, 1))
        with contextlib.suppress(AcceptError):
            await self._cursor.fail(reason)
        await self._line.hang_up()
        await asyncio.sleep(pause)

    async def _while_leased(self, work: Coroutine[Any, Any, None]) -> None:
        """Renew the lease beside the work; end the work when the lease is lost."""
        tasks = [asyncio.create_task(work), asyncio.create_task(self._renew())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with contextlib.suppress(AcceptError):  # without the database nobody else gets the lease either
                if await self._cursor.lease(self._lease_seconds) is None:
                    break
        raise Lost("the lease has gone to another gateway")

    async def _look_after(self, value: str) -> None:
        state = await self._line.connect()
        position = await self._begin(value, state)
        while True:
            position = await self._look(resume(position, state), state)
            await self._line.wait(min(self.account.poll_seconds, IDLE_SECONDS), idle=self.account.idle)
            state = await self._line.look()

    async def _begin(self, value: str, state: State) -> Position:
        position = self._stored = read(value)
        if position is None:
            position = begin(state, import_old=self.account.import_old, now=self._clock())
            await self._store([], position)
            self.log.info("imap_first_connection", uidnext=state.uidnext, import_old=self.account.import_old)
        return position

    async def _store(self, raws: Sequence[RawMessage], position: Position) -> None:
        await self._cursor.store(raws, written(position))
        self._stored = position

    # One look.

    async def _look(self, position: Position, state: State) -> Position:
        """Fetch what is new, act upon it, compare from time to time; then note that all is well."""
        self._complaint = ""
        position = await self._act(position)
        async for some, last in self._new_mails(position, state):
            for batch in _batches(some):
                position = await self._take(batch, position)
            position = position.after(last)
        if position != self._stored:
            await self._store([], position)
        position = await self._check(position)
        self._failures = 0
        if self._complaint:
            self.log.warning("imap_complaint", error=self._complaint)
        await self._cursor.succeed(backlog=0, complaint=self._complaint)
        return position

    async def _new_mails(self, position: Position, state: State) -> AsyncIterator[tuple[list[Listed], int]]:
        """What lies after the position, in order, listed; each time with the last UID that was looked at."""
        done = skipped = 0
        total = 0
        async for uids, remaining in self._uids(position.uid + 1, state.uidnext - 1):
            total = total or len(uids) + remaining
            for at in range(0, len(uids), LISTED_AT_ONCE):
                listed = await self._line.ask(Session.listed, uids[at : at + LISTED_AT_ONCE])
                wanted = [mail for mail in listed if position.wants(mail, import_old=self.account.import_old)]
                skipped += len(listed) - len(wanted)
                yield wanted, uids[at : at + LISTED_AT_ONCE][-1]
                done += len(listed)
                if total >= WORTH_TELLING:
                    self.log.info("imap_catching_up", done=done, total=max(total, done))
                    await self._cursor.succeed(backlog=max(0, total - done))
        if skipped:
            self.log.info("imap_old_mail_left", mails=skipped)

    async def _uids(self, first: int, last: int) -> AsyncIterator[tuple[list[int], int]]:
        """UIDs from `first` to `last`, window after window, each with how many may still come after it."""
        width = WINDOW
        while first <= last:
            end = min(last, first + width - 1)
            uids = await self._line.ask(Session.uids, first, end)
            width = WINDOW if uids else width * 4
            if uids:
                yield uids, last - end
            first = end + 1

    async def _take(self, batch: Sequence[Listed], position: Position) -> Position:
        """One batch: fetched, stored with the position that follows from it, then acted upon."""
        letters = await self._fetch.letters(batch)
        crash_point("X17")
        position = position.after(
            batch[-1].uid,
            spare=tuple(letter.listed.uid for letter in letters if not letter.whole),
            owed=tuple(letter.listed.uid for letter in letters if letter.refused),
        )
        await self._store([self._seal(letter, position) for letter in letters], position)
        crash_point("X18")
        for letter in letters:
            if not letter.whole:
                self.log.warning("imap_mail_not_whole", uid=letter.listed.uid, reason=letter.refused or "size")
        position = await self._act(position)
        crash_point("X19")
        return position

    def _seal(self, letter: Letter, position: Position, *, late: bool = False) -> RawMessage:
        uid = letter.listed.uid
        return seal(
            letter,
            self.origin,
            external_id=self.origin.external_id(position.validity, position.turn, uid) + ("+" if late else ""),
            why=position.why(uid),
            now=self._clock(),
            trace_id=self._make_trace_id(),
        )

    # What becomes of mails on the server.

    async def _act(self, position: Position) -> Position:
        """Mark, move or delete what is stored and was not acted upon yet. Doing so twice does no more than once."""
        if position.acted >= position.uid or self.account.after == "keep":
            return position
        if not self._line.writable:
            self._complaint = f"the folder is read-only: after={self.account.after} cannot be done"
            return position
        kind, _, folder = self.account.after.partition(":")
        try:
            for uids in await self._to_act_upon(position):
                if kind == "move":
                    await self._line.ask(Session.move, uids, folder)
                else:
                    await self._line.ask(Session.delete if kind == "delete" else Session.mark_seen, uids)
        except Declined as refusal:
            self._complaint = f"after={self.account.after} was refused: {refusal}"
            return position
        return position.done()

    async def _to_act_upon(self, position: Position) -> list[list[int]]:
        groups = []
        spare = frozenset(position.spare)
        async for uids, _ in self._uids(position.acted + 1, position.uid):
            for at in range(0, len(uids), LISTED_AT_ONCE):
                some = [uid for uid in uids[at : at + LISTED_AT_ONCE] if uid not in spare]
                if position.turn:  # mails of before our time lie among them
                    listed = await self._line.ask(Session.listed, some) if some else []
                    some = [m.uid for m in listed if position.wants(m, import_old=self.account.import_old)]
                if some:
                    groups.append(some)
        return groups

    # Once an hour.

    async def _check(self, position: Position) -> Position:
        """Compare what lies there with what is stored, and ask again for what was refused."""
        now = asyncio.get_running_loop().time()
        if now < self._checked + self.check_seconds:
            return position
        self._checked = now
        position = await self._ask_again(position)
        first = max(position.floor, position.old if position.turn else 0, position.uid - MOST_CHECKED)
        drift = 0
        async for uids, _ in self._uids(first + 1, position.uid):
            keys = [self._key(position, uid) for uid in uids]
            drift += len(await self._cursor.absent(keys))
        await self._cursor.check(drift=drift)
        if drift:
            self.log.error("imap_drift", missing=drift)
        return position

    def _key(self, position: Position, uid: int) -> tuple[str, str, str]:
        origin = self.origin
        return origin.channel, origin.address, origin.external_id(position.validity, position.turn, uid)

    async def _ask_again(self, position: Position) -> Position:
        for uid in position.owed:
            [mail] = await self._line.ask(Session.listed, [uid])
            letter = await self._fetch.alone(mail)
            if letter is not None and letter.refused:
                continue
            position = msgspec.structs.replace(position, owed=tuple(owed for owed in position.owed if owed != uid))
            late = [self._seal(letter, position, late=True)] if letter is not None else []
            await self._store(late, position)
        return position


class Poller:
    """All mailboxes of one gateway."""

    def __init__(self, channel: str, settings: Settings, accept: Accept) -> None:
        self.mailboxes = [
            Mailbox(
                name,
                account,
                folder,
                channel=channel,
                accept=accept,
                login=login,
                max_bytes=settings.smtp.max_message_bytes,
            )
            for name, account in settings.imap.items()
            for login in (
                Login(account.username or account.address, account.password, account.oauth, tokens(settings.var)),
            )
            for folder in account.folders
        ]

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Look after them while the application runs: made for `app.cleanup_ctx`."""
        tasks = [asyncio.create_task(mailbox.run(), name="imap") for mailbox in self.mailboxes]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _batches(listed: Sequence[Listed]) -> Iterator[list[Listed]]:
    """Few mails at once, and few bytes."""
    batch: list[Listed] = []
    size = 0
    for mail in listed:
        if batch and (len(batch) >= BATCH_MAILS or size + mail.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += mail.size
    if batch:
        yield batch
