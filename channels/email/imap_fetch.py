"""Getting mails off a server although any of them may be poison: one after the other, never one because of another.

Enters: what a folder lists. Leaves: a `Letter` for each mail that still exists. May fail: `Broken`, `Declined` or
`LoginFailed`, only where the server cannot be talked to at all; mails are blamed for what happens to them alone.

A mail is given up, as refused, when the server declines it twice in words, or when its answer breaks off time after
time at the same byte although the server lets us in again each time, or very often wherever. Networks cut at random;
poison cuts at one place.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.email.imap_envelope import Letter
from channels.email.imap_line import Line
from channels.email.imap_session import HEAD_BYTES, Broken, Declined, Listed, Session

SAME_PLACE = 3
MOST_CUTS = 12
MOST_REFUSALS = 2
EMPTY = "it answers without the mail's bytes"


class Suspect:
    """What has happened to one mail so far."""

    def __init__(self) -> None:
        self.places: list[int] = []
        """After how many bytes its answer broke off; negative where we could not even connect again."""
        self.refusals = 0
        self.reason = ""
        self.body = b""
        """The most that was given of it."""

    @property
    def given_up(self) -> bool:
        """Whether to go on without it."""
        same = max((self.places.count(place) for place in self.places if place >= 0), default=0)
        return self.refusals >= MOST_REFUSALS or same >= SAME_PLACE or len(self.places) >= MOST_CUTS

    def refused(self, reason: str) -> None:
        """The server answered, but without the mail."""
        self.refusals += 1
        self.reason = reason

    def cut(self, error: Broken) -> None:
        """The answer broke off."""
        self.places.append(error.place)
        self.reason = f"its answer breaks off after {error.place} bytes: {error}"

    def could_not_connect(self) -> None:
        """Nor does the server let us in again: perhaps the mail is not to blame."""
        self.places[-1] = -len(self.places)


class Fetch:
    """Gets the letters of one folder. Remembers suspects from one look at the folder to the next."""

    def __init__(self, line: Line, max_bytes: int) -> None:
        self._line = line
        self._max_bytes = max_bytes
        self._suspects: dict[int, Suspect] = {}

    async def letters(self, batch: Sequence[Listed]) -> list[Letter]:
        """Every mail of `batch` that still exists."""
        bodies = await self._together([mail for mail in batch if self._is_easy(mail)])
        letters = []
        for mail in batch:
            body = bodies.get(mail.uid)
            if body is not None and not _short(mail, body) and len(body) <= self._max_bytes:
                letters.append(Letter(mail, body))
            elif (letter := await self.alone(mail)) is not None:
                letters.append(letter)
        return letters

    def _is_easy(self, mail: Listed) -> bool:
        return mail.size <= self._max_bytes and mail.uid not in self._suspects

    async def _together(self, batch: Sequence[Listed]) -> dict[int, bytes]:
        """The way of nearly all mails. What is missing from its result is asked for alone."""
        if not batch:
            return {}
        try:
            return await self._line.ask(Session.bodies, batch)
        except Declined:
            return {}
        except Broken:
            for mail in batch:
                self._suspects.setdefault(mail.uid, Suspect())
            await self._line.connect_again()
            return {}

    async def alone(self, mail: Listed) -> Letter | None:
        """One mail, tried until it is there or given up. None: it is gone from the folder."""
        suspect = self._suspects.setdefault(mail.uid, Suspect())
        letter: Letter | None = None
        while letter is None and not suspect.given_up:
            try:
                if not await self._line.ask(Session.uids, mail.uid, mail.uid):
                    break  # deleted by somebody else while we were on our way to it
                letter = await self._try(mail, suspect)
            except Declined as refusal:
                suspect.refused(str(refusal))
            except Broken as error:
                suspect.cut(error)
                await self._connect_again(suspect)
        del self._suspects[mail.uid]
        if letter is None and suspect.given_up:
            return _remains(mail, suspect)
        return letter

    async def _try(self, mail: Listed, suspect: Suspect) -> Letter | None:
        if mail.size > self._max_bytes:
            head = await self._line.ask(Session.head, mail.uid)
            if head is not None:
                return Letter(mail, head, large=True)
        else:
            body = (await self._line.ask(Session.bodies, [mail])).get(mail.uid)
            if body is not None and len(body) > self._max_bytes:
                return Letter(Listed(mail.uid, len(body), mail.arrived), body[:HEAD_BYTES], large=True)
            if body is not None and not _short(mail, body):
                return Letter(mail, body)
            suspect.body = max(suspect.body, body or b"", key=len)
        suspect.refused(EMPTY)
        return None

    async def _connect_again(self, suspect: Suspect) -> None:
        try:
            await self._line.connect_again()
        except Exception:
            suspect.could_not_connect()
            raise


def _short(mail: Listed, body: bytes) -> bool:
    """Whether bytes are missing. Announced sizes are estimates on some servers; half of one is no estimate."""
    return 2 * len(body) < mail.size


def _remains(mail: Listed, suspect: Suspect) -> Letter:
    """What stands for a mail that was given up."""
    return Letter(mail, suspect.body, short=True) if suspect.body else Letter(mail, refused=suspect.reason)
