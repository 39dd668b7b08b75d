"""What `guichet simulate` says at the end, and its exit status.

Enters: what the doors answered, what the witness found, the balance. Leaves: tables on the screen and 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.simulated_doors import Tally
from gateway.tables import show_balance
from gateway.witness import Verdict
from models.balance import Balance

NAMED = 5
"""So many of the wrong ones are named."""
HOLDING_RULE = "A19"
"""The rule of the acknowledgement table that holds back where a budget is used up."""


def sum_up(console: Console, tally: Tally, verdict: Verdict, rows: Sequence[Balance]) -> int:
    """Print everything; 0 where all is well, else 1."""
    console.print(_messages(tally, verdict))
    console.print(_acknowledgements(verdict))
    console.print(_latencies(tally, verdict))
    show_balance(rows, json=False)
    wrong = list(complaints(tally, verdict, rows))
    for line in wrong:
        console.print(f"[bold red]✗[/] {escape(line)}")
    if not wrong:
        console.print(
            f"[bold green]✓[/] Everything accepted is there exactly once; all {verdict.replies} replies lie in the "
            "tickets of their parents; the balance shows no difference."
        )
    return 1 if wrong else 0


def complaints(tally: Tally, verdict: Verdict, rows: Sequence[Balance]) -> list[str]:
    """What is wrong, one sentence each."""
    difference = sum(abs(row.difference) for row in rows)
    found = [
        (len(verdict.lost), f"accepted, but not in the inbox: {_some(verdict.lost)}"),
        (len(verdict.doubled), f"there more than once: {_some(verdict.doubled)}"),
        (len(verdict.misplaced), f"replies outside their parent's ticket: {_some(verdict.misplaced)}"),
        (difference, "difference in the balance"),
        (verdict.outcomes.get("pending", 0), "not settled in time"),
        (tally.open, "without a final answer; their senders would try again"),
        (tally.refused, f"refused for good, with {', '.join(map(str, sorted(tally.never)))}"),
    ]
    return [f"{count} {what}" for count, what in found if count]


def _messages(tally: Tally, verdict: Verdict) -> Table:
    table = Table("what became of the messages", "", title="Simulation", title_justify="left")
    table.columns[1].justify = "right"
    lines = {
        "sent": tally.sent,
        "accepted": tally.yes,
        "put off and sent again": tally.later,
        "refused for good": tally.refused,
        "in the inbox": verdict.items,
        "a ticket of their own": verdict.outcomes.get("ticket", 0),
        "appended to a ticket": verdict.outcomes.get("appended", 0),
        "duplicates, linked": verdict.outcomes.get("duplicate", 0),
        "the provider's retries, stored once": tally.yes - verdict.items,
        "from machines, kept": verdict.outcomes.get("machine", 0),
        "quarantined": verdict.outcomes.get("quarantined", 0),
    }
    for name, count in lines.items():
        table.add_row(name, str(count))
    return table


def _acknowledgements(verdict: Verdict) -> Table:
    table = Table("acknowledgements", "", title=None)
    table.columns[1].justify = "right"
    held = verdict.rules.get(HOLDING_RULE, 0)
    table.add_row("queued", str(verdict.queued))
    table.add_row("held back (a budget is used up)", str(held))
    table.add_row("by rule", " · ".join(f"{rule} {count}" for rule, count in sorted(verdict.rules.items())))
    return table


def _latencies(tally: Tally, verdict: Verdict) -> Table:
    table = Table("milliseconds", "p50", "p99")
    for name, seconds in (
        ("mail due → accepted", tally.mail_seconds),
        ("form due → tracking number", tally.form_seconds),
        ("line due → webhook answered", tally.line_seconds),
        ("accepted → settled", verdict.settle_seconds),
    ):
        if seconds:
            table.add_row(name, f"{1_000 * percentile(seconds, 0.5):.0f}", f"{1_000 * percentile(seconds, 0.99):.0f}")
    return table


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
