"""How far a folder has been fetched, and what follows when its numbers change. Pure.

A UID means one mail only as long as UIDVALIDITY stays the same (RFC 3501 §2.3.1.1). When it changes, or when UIDNEXT
goes back, all that lies in the folder is fetched again from the first mail; what is known already turns out to be a
duplicate when it is settled, and nothing of it is acknowledged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from channels.email.imap_session import Listed, State

MARGIN = timedelta(days=1)
"""A mail that arrived so long before our first connection, or longer, is old whatever the clocks say."""
MOST_OWED = 200


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What the cursor holds for one folder."""

    validity: int
    uid: int = 0
    """Every mail up to this UID is stored, or was there before us, or had gone before we came to it."""
    acted: int = 0
    """Every mail up to this UID was marked, moved or deleted, as the settings want it."""
    floor: int = 0
    """The mails up to this UID were there before us, and are none of our business."""
    old: int = 0
    """The mails up to this UID were there when fetching began, or began anew: nothing is sent because of them."""
    turn: int = 0
    """How often fetching began anew; part of each mail's external id, since its UID may have been another's."""
    since: datetime
    """Our first connection."""
    spare: tuple[int, ...] = ()
    """UIDs after `acted` that must stay untouched on the server: we do not have their bytes."""
    owed: tuple[int, ...] = ()
    """UIDs that the server would not give; tried again from time to time."""

    def why(self, uid: int) -> str:
        """Why nothing is sent because of this mail: 'old', 'again', or '' for a new one."""
        return "" if uid > self.old else ("again" if self.turn else "old")

    def wants(self, mail: Listed, *, import_old: bool) -> bool:
        """False for a mail that was there before us, met again because the folder was renumbered."""
        if import_old or self.why(mail.uid) != "again" or mail.arrived is None:
            return True
        return mail.arrived >= self.since - MARGIN

    def after(self, uid: int, *, spare: tuple[int, ...] = (), owed: tuple[int, ...] = ()) -> Position:
        """The position once everything up to `uid` is stored."""
        return msgspec.structs.replace(self, uid=uid, spare=self.spare + spare, owed=(self.owed + owed)[-MOST_OWED:])

    def done(self) -> Position:
        """The position once everything stored was acted upon."""
        return msgspec.structs.replace(self, acted=self.uid, spare=())


def begin(state: State, *, import_old: bool, now: datetime) -> Position:
    """The first connection: only what comes from now on, unless the old mails are wanted too."""
    newest = state.uidnext - 1
    if import_old:
        return Position(validity=state.validity, old=newest, since=now)
    return Position(validity=state.validity, uid=newest, acted=newest, floor=newest, since=now)


def resume(position: Position, state: State) -> Position:
    """`position` itself, or the beginning where the folder's numbers have changed."""
    went_back = state.certain and state.uidnext <= position.uid
    if state.validity == position.validity and not went_back:
        return position
    return Position(validity=state.validity, old=state.uidnext - 1, turn=position.turn + 1, since=position.since)


def read(value: str) -> Position | None:
    """The position in a cursor's value; None for a cursor that is new. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(value, type=Position) if value else None


def written(position: Position) -> str:
    """The cursor's value for `position`."""
    return msgspec.json.encode(position).decode()
