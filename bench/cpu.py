"""CPU time and memory of processes, from /proc (proc(5)). Linux only.

CPU time of a process includes that of its children that have ended and were waited for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(root: int) -> list[int]:
    """`root` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, open_ends = [root], [root]
    while open_ends:
        open_ends = [child for parent in open_ends for child in children.get(parent, [])]
        found += open_ends
    return found


def megabytes_of(root: int) -> tuple[float, float]:
    """Proportional and resident set size of `root` and its descendants, in MB of 10^6 bytes."""
    pss = rss = 0
    for pid in family(root):
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {words[0]: int(words[1]) for line in lines if len(words := line.split()) == 3}
        pss, rss = pss + sizes.get("Pss:", 0), rss + sizes.get("Rss:", 0)
    return pss * 1024 / 1e6, rss * 1024 / 1e6


@dataclass(frozen=True, slots=True)
class Meter:
    """CPU seconds of named groups at one moment."""

    seconds: Mapping[str, float]

    @classmethod
    def read(cls, groups: Mapping[str, list[int]]) -> Meter:
        """Read now. `groups` holds the processes of each name."""
        return cls({name: sum(map(_seconds, pids)) for name, pids in groups.items()})

    def since(self, earlier: Meter) -> dict[str, float]:
        """CPU seconds used since `earlier`, by name."""
        return {name: value - earlier.seconds.get(name, 0.0) for name, value in self.seconds.items()}


def _seconds(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / TICK if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat behind the name, state first; empty where the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
