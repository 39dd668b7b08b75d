"""Log lines: static event names with ids bound, one line each, control characters escaped, no message bodies.

`configure` is called once by each process. `of(name)` gives a logger; bind what it should carry. Work on one item runs
inside `structlog.contextvars.bound_contextvars(trace_id=…)`, so that every line on the way of a message shares its id.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any, TextIO, cast

import msgspec
import structlog

from config.settings import Log


class Unfailing(io.TextIOBase):
    """A text stream whose writes never raise: a full disk under the log must not stop the accepting of mail."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.dropped = 0

    def write(self, text: str) -> int:
        """Write `text`, or count it as dropped."""
        try:
            return self.stream.write(text)
        except OSError:
            self.dropped += 1
            return len(text)

    def flush(self) -> None:
        """Flush, as far as the stream lets us."""
        with suppress(OSError):
            self.stream.flush()


def configure(settings: Log, *, process: str) -> None:
    """Set structlog and the standard library's logging up to write to stderr, with `process` on each line."""
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _named(process),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    stream = cast("TextIO", Unfailing(sys.stderr))
    readable = structlog.dev.ConsoleRenderer(pad_event_to=0) if sys.stderr.isatty() else plain_line
    last: Any = structlog.processors.JSONRenderer(to_json) if settings.json_lines else readable
    structlog.configure(
        processors=[*shared, escape, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, escape, last],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _named(process: str) -> structlog.typing.Processor:
    """Puts `process` on each line. Not a context variable: tasks that another thread starts have none of ours."""

    def name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return name


def escape(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep every field on its line: control characters in values become escapes (log injection, ANSI sequences)."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception" and not value.isprintable():
            event[name] = value.encode("unicode_escape").decode()
    return event


def plain_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One readable line without colours: time, level, event, then `name=value` in order of name."""
    exception = event.pop("exception", "")
    head = f"{event.pop('timestamp', '')} [{event.pop('level', '')}] {event.pop('event', '')}"
    fields = "".join([f" {name}={_plain(event[name])}" for name in sorted(event)])
    return f"{head}{fields}\n{exception}" if exception else head + fields


def _plain(value: Any) -> str:
    """A value that ends where the next blank is, or else stands in quotes."""
    text = str(value)
    return text if text and " " not in text and '"' not in text and "=" not in text else json.dumps(text)


def to_json(event: object, **_options: Any) -> str:
    """JSON of a line; what JSON does not know is shown as text."""
    return msgspec.json.encode(event, enc_hook=str).decode()


def trace(trace_id: str, **ids: Any) -> AbstractContextManager[Any]:
    """Bind `trace_id` and other ids to every line that is logged inside the `with` block, in this task."""
    return structlog.contextvars.bound_contextvars(trace_id=trace_id, **ids)


def of(name: str) -> Any:
    """A logger whose lines carry `part=name`."""
    return structlog.get_logger(part=name)
