"""What `guichet explain` shows on a terminal: a page for each message, for people.

Enters: the values that the JSON line holds. Leaves: lines on stdout. Values that a channel gives beyond the known ones
are listed at the end, so nothing is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich import markup
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Values = dict[str, Any]
OUTCOMES = {
    "ticket": "It would open a new ticket",
    "appended": "It would join ticket {number}",
    "duplicate": "It is a duplicate, kept as a link",
    "machine": "It would be kept as machine mail and open nothing",
    "": "Unknown",
}
_SHOWN = frozenset(
    {
        *("path", "error", "message_id", "in_reply_to", "references", "from", "to", "cc", "subject", "text"),
        *("reply_text", "quoted_lines", "signature", "html_present", "attachments", "auto_submitted", "auto_reason"),
        *("auto_kind", "away_until", "bounce", "bounce_recipient", "bounce_recipients", "bounce_status"),
        *("bounce_reason", "bounce_message_id", "language", "category", "priority", "why"),
        *("outcome", "ticket", "ticket_reason"),
    }
)


def show(explained: Values) -> None:
    """Print the page of one message."""
    console = Console(emoji=False, highlight=False)
    console.rule(f"[bold]{escape(str(explained['path']))}")
    if "error" in explained:
        console.print(f"[bold red]Not read:[/] {escape(str(explained['error']))}\n")
        return
    console.print(_rows(_read(explained)))
    console.print(Panel(escape(_words(explained)), title=_taken(explained), title_align="left"))
    console.print(_rows(_judged(explained)))
    console.print()


def escape(text: str) -> str:
    """Senders' text without a meaning for rich or for the terminal."""
    return markup.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def _rows(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=12, justify="right")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table


def _read(explained: Values) -> Iterator[tuple[str, str]]:
    """Who wrote what to whom."""
    yield "From", _person(explained.get("from", {}))
    for name in ("to", "cc"):
        if explained.get(name):
            yield name.title(), ", ".join(map(_person, explained[name]))
    yield "Subject", str(explained.get("subject", "")) or "(none)"
    yield "Message-ID", str(explained.get("message_id", "")) or "(none)"
    if explained.get("in_reply_to") or explained.get("references"):
        named = dict.fromkeys([explained.get("in_reply_to", ""), *reversed(explained.get("references", []))])
        yield "Answers", ", ".join(filter(None, named))
    length = len(str(explained.get("text", "")))
    yield "Text", f"{length:,} characters{', and HTML' if explained.get('html_present') else ''}"
    for file in explained.get("attachments", ()):
        within = ", shown in the text" if file["inline"] else ""
        yield "File", f"{file['filename']} ({file['content_type']}, {file['size']:,} bytes{within})"


def _person(person: Values) -> str:
    name, address = person.get("name", ""), person.get("address", "")
    return f"{name} <{address}>" if name else address or "(nobody)"


def _words(explained: Values) -> str:
    return str(explained.get("reply_text", "")) or "(no new words)"


def _taken(explained: Values) -> str:
    """The title of the new words: what was left out around them."""
    quoted, signature = explained.get("quoted_lines", 0), str(explained.get("signature", ""))
    left = [f"{quoted} lines of quoted mail"] if quoted else []
    left += [f"{len(signature.splitlines())} lines of signature"] if signature else []
    return f"New words, without {' and '.join(left)}" if left else "New words"


def _judged(explained: Values) -> Iterator[tuple[str, str]]:
    """What was decided, and why."""
    if explained.get("auto_submitted"):
        yield "Machine", f"yes, {explained.get('auto_kind') or 'automatic'}: {explained.get('auto_reason', '')}"
    else:
        yield "Machine", "no: nothing says that a machine wrote it"
    if explained.get("away_until"):
        yield "Away until", str(explained["away_until"])
    if explained.get("bounce"):
        concerned = explained.get("bounce_message_id")
        yield "Not reached", ", ".join(filter(None, explained.get("bounce_recipients", ()))) or "(nobody named)"
        yield "Status", f"{explained.get('bounce_status', '')} {explained.get('bounce_reason', '')}".strip()
        yield "About", f"<{concerned}>" if concerned else "(a message that it does not name)"
    yield "Triage", ", ".join(f"{name} {explained.get(name, '')}" for name in ("language", "category", "priority"))
    outcome = OUTCOMES[explained.get("outcome", "")].format(number=explained.get("ticket"))
    yield "Ticket", f"{outcome}: {explained.get('ticket_reason', '')}"
    for reason in explained.get("why", ()):
        yield "Why", str(reason)
    for name, value in explained.items():
        if name not in _SHOWN:
            yield name, str(value)
