"""What the commands print: tables for people, one JSON object a line for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.alarm import Raised
from models.balance import AccountBalance, Balance
from models.cursor import Standing as Place
from models.listing import TicketLine, TicketWhole
from models.quarantine import Kind

BALANCE = ("received", "ticket", "appended", "duplicate", "machine", "quarantined", "pending", "difference")


def show_json(rows: Sequence[msgspec.Struct]) -> None:
    """One line a row."""
    for row in rows:
        print(msgspec.json.encode(row).decode())  # noqa: T201 - the command's result


def show_balance(rows: Sequence[Balance], *, json: bool) -> None:
    """The balance by channel, with its sum."""
    if json:
        show_json(rows)
        return
    apart = any(isinstance(row, AccountBalance) for row in rows)
    table = Table("channel", *(["account"] if apart else []), *BALANCE, title="Balance", title_justify="left")
    for row in rows:
        account = [escape(row.account)] if isinstance(row, AccountBalance) else []
        table.add_row(row.channel, *account, *(str(getattr(row, name)) for name in BALANCE))
    table.add_section()
    table.add_row("all", *([""] if apart else []), *(str(sum(getattr(row, name) for row in rows)) for name in BALANCE))
    Console(emoji=False).print(table)


def show_places(rows: Sequence[Place], *, json: bool) -> None:
    """One line a place that is fetched from."""
    if json:
        show_json(rows)
        return
    table = Table("place", "held", "last look, s ago", "backlog", "missing", "last error")
    for row in rows:
        table.add_row(
            escape(row.name),
            "yes" if row.held else "no",
            "never" if row.success_age is None else f"{row.success_age:.0f}",
            str(row.backlog),
            "-" if row.drift is None else str(row.drift),
            escape(row.last_error),
        )
    Console(emoji=False).print(table)


def show_tickets(rows: Sequence[TicketLine], *, json: bool) -> None:
    """One line a ticket."""
    if json:
        show_json(rows)
        return
    table = Table("number", "subject", "status", "priority", "category", "channel", "contact", "messages", "ack")
    for row in rows:
        table.add_row(
            f"#{row.number}",
            escape(row.subject[:60]),
            row.status,
            row.priority,
            row.category,
            row.channel,
            escape(row.contact),
            str(row.messages),
            "yes" if row.acknowledged else "no",
        )
    Console(emoji=False).print(table)


def show_ticket(whole: TicketWhole, *, json: bool) -> None:
    """A ticket with its messages and its history."""
    if json:
        show_json([whole])
        return
    console = Console(emoji=False)
    line = whole.ticket
    console.rule(f"#{line.number} {escape(line.subject)}")
    console.print(f"{line.status}, {line.priority}, {line.category}, {line.language}, from {escape(line.contact)}")
    for message in whole.messages:
        arrow = {"in": "←", "out": "→"}.get(message.direction, "·")
        known = f" ({message.proof})" if message.direction == "in" else ""
        when = f"{message.created_at:%Y-%m-%d %H:%M:%S}"
        console.print(f"\n[bold]{arrow} {escape(message.sender)}[/]{known} {when} {message.delivery}")
        console.print(escape(message.reply_text.strip()))
        for name in message.attachments:
            console.print(f"  file: {escape(name)}")
        for step, reason in message.reasons.items():
            console.print(f"  [dim]{step}: {escape(reason)}[/]")
        for remark in message.remarks:
            console.print(f"  [dim]note: {escape(remark)}[/]")
    for twin in whole.duplicates:
        console.print(f"\nsays the same as #{twin.number} ({twin.score} %): {twin.state}")
    console.print()
    for entry in whole.history:
        console.print(f"[dim]{escape(entry)}[/]")


def show_quarantine(kinds: Sequence[Kind], *, json: bool) -> None:
    """One line a reason."""
    if json:
        show_json(kinds)
        return
    table = Table("items", "channel", "reason", "newest", "kind", title="Quarantine", title_justify="left")
    for kind in kinds:
        newest = f"{kind.newest:%Y-%m-%d %H:%M}"
        table.add_row(str(kind.items), escape(kind.channel), escape(kind.reason), newest, kind.kind)
    Console(emoji=False).print(table)


def show_alarms(alarms: Sequence[Raised], *, json: bool) -> None:
    """One line an alarm."""
    if json:
        show_json(alarms)
        return
    table = Table("alarm", "of", "grade", "count", "seconds", "raised", "over", "detail")
    for one in alarms:
        over = f"{one.over_at:%Y-%m-%d %H:%M}" if one.over_at else ""
        said = str(one.detail.get("error") or "")
        items = ", ".join(map(str, one.detail.get("items") or ()))
        figures = (str(one.count), f"{one.seconds:.0f}", f"{one.raised_at:%Y-%m-%d %H:%M}", over)
        table.add_row(one.kind, escape(one.subject), one.grade, *figures, escape(" ".join(filter(None, (said, items)))))
    Console(emoji=False).print(table)
