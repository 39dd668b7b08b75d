"""Log lines: one line each, nothing a sender chose can break out, and never a reason to stop."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TextIO, cast

from config.logs import Unfailing, escape, plain_line, to_json


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


def test_a_line_shows_time_level_and_event_before_its_fields_by_name() -> None:
    event = {"event": "mail_read", "level": "info", "timestamp": "2026-01-02T03:04:05Z", "size": 3, "part": "reader"}
    assert plain_line(None, "info", event) == "2026-01-02T03:04:05Z [info] mail_read part=reader size=3"


def test_a_value_that_could_be_taken_for_another_field_stands_in_quotes() -> None:
    event = {"event": "x", "error": 'a b="c"', "empty": "", "plain": "é"}
    assert plain_line(None, "info", event) == ' [] x empty="" error="a b=\\"c\\"" plain=é'


def test_a_traceback_follows_its_line() -> None:
    event = {"event": "bug", "exception": "Traceback …\nValueError"}
    assert plain_line(None, "error", event) == " [] bug\nTraceback …\nValueError"


def test_json_lines_show_what_json_does_not_know_as_text() -> None:
    assert to_json({"event": "x", "path": Path("/a"), "word": "é"}) == '{"event":"x","path":"/a","word":"é"}'
