"""Where the engines of one `var` live: under which account, their data, their sockets.

Enters: the folder `var`. Leaves: a `Place` whose folders exist. Fails with EngineError when a folder for sockets is not
private, with OSError when one cannot be made.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from config.engines.account import Account, borrowed, reaches
from config.engines.engine import EngineError

ROOTS_PLACE = Path("/var/lib/guichet")
_SOCKET_FOLDER_BYTES = 90  # sockaddr_un holds 107, and the name of the socket follows (unix(7); 103 on macOS)
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")  # needs no quoting, in a URL or in PostgreSQL's list of folders


@dataclass(frozen=True, slots=True)
class Place:
    """`account`: who runs the engines (None: us). `data`: parent of the data folders. `sockets`: private folder."""

    account: Account | None
    data: Path
    sockets: Path


def find(var: Path) -> Place:
    """The place for the engines of `var` (absolute); makes its folders.

    Data live in `var`, but below `ROOTS_PLACE` where we are root and our borrowed account cannot enter `var`.
    Sockets live beside the data, but in a short folder where that path is too long or holds odd characters.
    """
    account = borrowed()
    mark = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    data = var if reaches(account, var) else ROOTS_PLACE / mark
    data.mkdir(parents=True, exist_ok=True)
    if data != var and not reaches(account, data):
        raise EngineError(
            f"The account {account.name if account else ''} can enter neither {var} nor {data}: nothing was started. "
            "Choose a folder that it can enter with GUICHET_VAR, or run Guichet as an ordinary user."
        )
    return Place(
        account, data, _sockets(data, ROOTS_PLACE / mark if account else _runtime_folder() / f"guichet-{mark}", account)
    )


def _sockets(data: Path, short: Path, account: Account | None) -> Path:
    folder = data / "run"
    if not _PLAIN.fullmatch(str(folder)) or len(os.fsencode(folder)) > _SOCKET_FOLDER_BYTES:
        folder = short / "run" if account else short
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass  # it is there already: checked below
    else:
        if account:
            account.own(folder)
    return _private(folder, account.uid if account else os.geteuid())


def _private(folder: Path, uid: int) -> Path:
    """The folder, unless it is another's or open to others: who owns it could answer in the engine's name."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise EngineError(
            f"{folder} is to hold the engines' sockets, but it is not a folder that user {uid} alone can enter: "
            "nothing was started. Remove it, then start again."
        )
    return folder


def _runtime_folder() -> Path:
    """The system's folder for sockets of this user, else /tmp."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - what is made there is private, and checked
    short = len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES // 2
    return folder if short and os.access(folder, os.W_OK | os.X_OK) and _PLAIN.fullmatch(str(folder)) else Path("/tmp")  # noqa: S108 - as above
