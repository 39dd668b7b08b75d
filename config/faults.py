"""Places at which a chaos run may kill this process, so that "crash-safe" is shown and not hoped.

`crash_point("X9")` does nothing unless GUICHET_FAULTS names a folder. Where it does, a file of that name in the folder
is taken away and the process kills itself (SIGKILL) on the spot: one file, one crash. The points are named in
docs/reliability.md.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path


def _armed(folder: Path) -> Callable[[str], None]:
    def crash_point(name: str) -> None:
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


def _unarmed(_name: str) -> None:
    """Nothing: no chaos run is on."""


crash_point: Callable[[str], None] = (
    _armed(Path(os.environ["GUICHET_FAULTS"])) if os.environ.get("GUICHET_FAULTS") else _unarmed
)
"""Die here if a chaos run says so."""
