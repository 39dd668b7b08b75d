"""A program that dies when its parent does, even when the parent is killed with -9.

Run as a script it is the last step before the program itself: it takes another account if asked to, ties its life to
its parent's and becomes the program (`exec`), so that process ids, exit codes and signals are the program's own.

    python -I -S parent_death.py PARENT SIGNAL UID:GID|- PROGRAM [ARGUMENT …]

On Linux the kernel does the rest (`prctl(PR_SET_PDEATHSIG)`): it must be asked after the change of account, which
clears the request, and it watches the *thread* that started us, hence `config.engines.child.spawn` insists on the
main one. Elsewhere a watcher, which is nobody's child, looks twice a second.
Fails with 126 or 127, like a shell, when the program cannot be started; the reason stands on standard error.
Imports nothing of Guichet: it runs before the account changes, with the interpreter alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 0.5


def command(program: Sequence[str], *, death_signal: int, uid: int | None = None, gid: int | None = None) -> list[str]:
    """The command line that runs `program` so that it gets `death_signal` when the calling process dies."""
    account = "-" if uid is None else f"{uid}:{gid}"
    shim = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), account]
    return [*shim, *program]


def die_with_parent(parent: int, death_signal: int = signal.SIGKILL) -> None:
    """Make the calling process receive `death_signal` when the process `parent` dies. Ends it if that has happened.

    For processes that we fork ourselves: call it first thing in the child, with the pid that the parent had before.
    """
    if sys.platform == "linux":
        # The request is made first and the parent looked at second, so that no death falls between the two.
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
        if os.getppid() != parent:
            os._exit(128 + int(death_signal))
    else:
        watch(parent, death_signal)


def watch(parent: int, death_signal: int) -> None:
    """Leave a process behind that sends `death_signal` to the caller once `parent` is gone; for want of prctl."""
    watched = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():  # twice, so that the program never finds a child that it did not start
        os._exit(0)
    os.setsid()
    while _alive(parent) and _alive(watched):
        time.sleep(_WATCH_SECONDS)
    if _alive(watched):
        os.kill(watched, death_signal)
    os._exit(0)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives under another account
        return True
    return True


def _become(account: str) -> None:
    """Take the account `uid:gid` for good, with no other groups. `-` keeps ours."""
    if account == "-":
        return
    uid, _, gid = account.partition(":")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def main(arguments: Sequence[str]) -> int:
    """Become the program. Returns only when that fails."""
    parent, death_signal, account, *program = arguments
    try:
        _become(account)
        die_with_parent(int(parent), int(death_signal))
        os.execvp(program[0], program)  # noqa: S606 - becoming that program is the whole purpose
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror or error}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
