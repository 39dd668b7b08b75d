"""Log lines: one line each, nothing a sender chose can break out, and never a reason to stop."""

from __future__ import annotations

import io
from typing import TextIO, cast

from config.logs import Unfailing, escape


class FullDisk(io.StringIO):
    """A stream without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_disk_under_the_log_raises_nothing_and_is_counted() -> None:
    stream = Unfailing(cast("TextIO", FullDisk()))
    assert stream.write("a line\n") == 7
    stream.flush()
    assert stream.dropped == 1


def test_control_characters_in_values_stay_on_their_line() -> None:
    event = escape(None, "info", {"event": "x", "sender": "a\nb\x1b[31m\r", "number": 3})
    assert event == {"event": "x", "sender": "a\\nb\\x1b[31m\\r", "number": 3}
