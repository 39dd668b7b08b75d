"""`make bench`: measure everything, write `var/bench.json`, show the table.

    python -m bench [--quick] [--only NAME …] [--docs] [--output PATH]

Exit status 1 where a message was lost, doubled or misplaced, or a measurement failed; figures below their targets are
shown, not punished.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.instance import Instance
from bench.measures import FULL, MEASURES, QUICK, Campaign
from bench.report import Figure, facts_of, show, write_docs, write_json
from bench.run import Generator

METHOD = """\
## Method

`make bench` starts a Guichet of its own (engines, gateway, workers, each a process of its own, as in production) in a
fresh folder, and sends to it through real sockets. The load generator is one more process on the same machine; it makes
all messages before it starts the clock: 2-25 KB, median 8, two in three with HTML, one in five with a file, three in
ten replies, 5,000 customers of whom few write often (Zipf, exponent 1.1). 64 connections are kept open unless a line
says otherwise.

- *SMTP → ticket*: all sent as fast as they are taken; settled messages, from the first mail to the commit of the last
  ticket. Every new ticket gets an acknowledgement: the budgets are set aside, so that the dearest way is measured.
- *CPU*: user and system time of gateway, workers, their readers, PostgreSQL and Valkey, from /proc; not the load's.
- *250 → ticket*: from the moment when the sender heard 250 to the commit time that PostgreSQL noted for the ticket.
- *5 ms added*: PostgreSQL's `commit_delay` with `commit_siblings = 0` sleeps before each flush of its log; the line
  above it shows that it does.
- *Cost of settling*: CPU of worker and PostgreSQL a message; the reader of messages does not know what is stored.
- After each load a witness compares what was accepted with what is stored: nothing may be lost or doubled, and each
  reply must lie in the ticket of the first mail of its thread.

Absolute rates vary with the machine and with what else runs on it; CPU milliseconds are the sturdier measure.

## How to run it

    make bench                       # about eight minutes, writes var/bench.json
    python -m bench --quick          # under a minute: does it work?
    python -m bench --only warm throughput
    python -m bench --docs           # and writes this page
"""


def main() -> int:
    """Run the measurements that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Guichet on this machine.")
    parser.add_argument("--quick", action="store_true", help="small amounts: a check that it works, not a measurement")
    parser.add_argument("--only", nargs="+", choices=[measure.__name__ for measure in MEASURES], help="just these")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md as well")
    parser.add_argument("--output", type=Path, default=Path("var/bench.json"), help="where the JSON goes")
    wanted = parser.parse_args()
    console = Console()
    figures: list[Figure] = []
    failed = False
    with Instance() as instance, Generator(instance) as generator:
        facts = facts_of(str(instance.sql("SHOW server_version")[0][0]))
        campaign = Campaign(instance, generator, QUICK if wanted.quick else FULL)
        for measure in MEASURES:
            if wanted.only and measure.__name__ not in wanted.only:
                continue
            begun = time.monotonic()
            try:
                for figure in measure(campaign):
                    figures.append(figure)
                    console.print(f"  {figure.meaning}: {figure.value:,.3f} {figure.unit}", highlight=False)
            except RuntimeError as error:  # the figures before it are worth keeping
                failed = True
                console.print(f"[bold red]{measure.__name__} failed:[/] {escape(str(error)[-2_000:])}")
            console.print(f"[dim]{measure.__name__}: {time.monotonic() - begun:.0f} s[/]")
    figures += [
        *ratios(figures),
        Figure("wrong_in_all", campaign.wrong, "", "Lost, doubled, misplaced, refused, in all"),
    ]
    write_json(figures, wanted.output)
    show(figures, console)
    if wanted.docs:
        write_docs(figures, facts, METHOD, datetime.now(UTC))
    return 1 if failed or campaign.wrong else 0


def ratios(figures: list[Figure]) -> list[Figure]:
    """What follows from two figures."""
    values = {figure.name: figure.value for figure in figures}
    found = []
    if values.get("settle_cost_few_stored") and "settle_cost_many_stored" in values:
        ratio = values["settle_cost_many_stored"] / values["settle_cost_few_stored"]
        found.append(Figure("cost_ratio", ratio, "×", "Cost of settling, many stored against few"))
    if values.get("bare_aiosmtpd") and "accept_alone" in values:
        ratio = values["accept_alone"] / values["bare_aiosmtpd"]
        found.append(Figure("accept_to_aiosmtpd", ratio, "×", "Durable accept against aiosmtpd that discards"))
    if values.get("bare_insert") and "accept_alone" in values:
        ratio = values["accept_alone"] / values["bare_insert"]
        found.append(Figure("accept_to_insert", ratio, "×", "Durable accept against single-row commits"))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
