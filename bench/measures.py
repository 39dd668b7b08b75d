"""The measurements, in the order in which they run. Each takes the campaign and yields figures.

warm → throughput (1, 2, 4 workers) → latency → lone → forms → webhooks → accept alone → slow disk → a connection each
     → re-delivery → deliveries → idle → references → years of mail
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from bench import references, webhooks
from bench.filling import fill
from bench.instance import Instance
from bench.report import Figure
from bench.run import PARTS, Generator, Outcome

STARTING_SECONDS = 10.0
"""What a worker may take to start."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    warm: int = 1_000
    mails: int = 6_000
    few: int = 4_000
    seconds: float = 10.0
    lone: int = 50
    again: int = 2_000
    stored: int = 500_000
    fill_seconds: float = 110.0


FULL = Size()
QUICK = Size(warm=50, mails=200, few=100, seconds=0.5, lone=5, again=50, stored=2_000, fill_seconds=10.0)


@dataclass(slots=True)
class Campaign:
    """One run of all measurements: the instance, the sizes, and what must hold across all of them."""

    instance: Instance
    generator: Generator
    size: Size
    wrong: int = 0
    """Messages lost, doubled, misplaced, refused or quarantined, in all loads."""
    _seeds: Iterator[int] = field(default_factory=lambda: count(1))

    def load(self, number: int, how: str = "saturate", **more: Any) -> Outcome:
        """One load, and its part of what must hold."""
        outcome = self.generator.load(number, how, seed=next(self._seeds), **more)
        self.wrong += outcome.ran.refused + outcome.found.doubled
        if more.get("settle", True):
            self.wrong += outcome.found.lost + outcome.found.misplaced + outcome.found.quarantined
            self.wrong += outcome.found.pending
        return outcome


def warm(campaign: Campaign) -> Iterator[Figure]:
    """Fill caches and statistics."""
    campaign.instance.workers(1)
    campaign.load(campaign.size.warm)
    campaign.instance.sql("ANALYZE")
    yield from ()


def throughput(campaign: Campaign) -> Iterator[Figure]:
    """SMTP → committed ticket with the acknowledgement queued, saturated, 30 % replies."""
    best = 0.0
    for workers in (1, 2, 4):
        campaign.instance.workers(workers)
        outcome = campaign.load(campaign.size.mails)
        best = max(best, outcome.tickets)
        name = f"{workers} worker" + ("s" if workers > 1 else "")
        slug = name.replace(" ", "_")
        yield Figure(f"smtp_to_ticket_{slug}", outcome.tickets, "/s", f"SMTP → ticket, {name}")
        yield Figure(f"accepted_meanwhile_{slug}", outcome.accepts, "/s", f"… accepted meanwhile, {name}")
        right = 100 * (1 - outcome.found.misplaced / max(outcome.found.replies, 1))
        yield Figure(f"replies_right_{slug}", right, "%", f"… replies in their parent's ticket, {name}")
        yield Figure(f"cpu_{slug}", outcome.cpu, "ms/message", f"… CPU of everything of ours, {name}")
        if workers == 1:
            yield from _parts(campaign, outcome)
    yield Figure("smtp_to_ticket_best", best, "/s", "SMTP → ticket, the best of these")


def _parts(campaign: Campaign, outcome: Outcome) -> Iterator[Figure]:
    """Where the CPU time of one worker's run went, and what is in memory after it."""
    yield Figure("smtp_to_ticket_cpu", outcome.cpu, "ms/message", "CPU a message at saturation, everything")
    for part in PARTS:
        yield Figure(f"cpu_{part}", outcome.cpu_of(part), "ms/message", f"… of which {part}")
    acknowledged = 100 * outcome.found.queued / max(outcome.found.tickets, 1)
    yield Figure("acknowledged", acknowledged, "%", "… new tickets whose acknowledgement was queued")
    yield Figure("settle_cost_few_stored", _settle_cost(outcome), "ms/message", "Cost of settling, few stored")
    pss, rss = campaign.instance.memory()
    yield Figure("memory_pss", pss, "MB", "Memory of gateway and one worker with its reader (PSS)")
    yield Figure("memory_rss", rss, "MB", "… the same as RSS, shared pages counted for each")


def _settle_cost(outcome: Outcome) -> float:
    return outcome.cpu_of("workers") + outcome.cpu_of("postgres")


def latency(campaign: Campaign) -> Iterator[Figure]:
    """From the 250 to the commit of the ticket, at a steady rate, warm."""
    campaign.instance.workers(1)
    for rate in (300, 500):
        campaign.load(max(20, int(rate * campaign.size.seconds / 10)), "open", rate=rate)
        found = campaign.load(int(rate * campaign.size.seconds), "open", rate=rate).found
        yield Figure(f"latency_{rate}_p50", found.p50_ms, "ms", f"250 → ticket at {rate}/s, p50")
        yield Figure(f"latency_{rate}_p99", found.p99_ms, "ms", f"250 → ticket at {rate}/s, p99")


def lone(campaign: Campaign) -> Iterator[Figure]:
    """The same for mails that come one by one while nothing else happens."""
    found = campaign.load(campaign.size.lone, "lone").found
    yield Figure("idle_latency_median", found.p50_ms, "ms", "250 → ticket of a lone message, median")
    yield Figure("idle_latency_p99", found.p99_ms, "ms", "250 → ticket of a lone message, p99")


def forms(campaign: Campaign) -> Iterator[Figure]:
    """Forms posted as JSON; the answer waits for the tracking number."""
    outcome = campaign.load(campaign.size.few, "forms")
    yield Figure("form_to_ticket", outcome.tickets, "/s", "Form → ticket")
    yield Figure("form_cpu", outcome.cpu, "ms/message", "… CPU a form, everything")


def signed_webhooks(campaign: Campaign) -> Iterator[Figure]:
    """Webhooks of one message each, signed: to the ticket, saturated; then the answer at a steady rate."""
    instance, size = campaign.instance, campaign.size
    instance.workers(1)
    before = instance.meter()
    sent = _post(campaign, webhooks.Plan(port=instance.http_port, count=size.few, seed=1))
    _empty(instance, "inbox", seconds=120)
    used = sum(instance.meter().since(before).values())
    stored = instance.sql(
        "SELECT count(*), extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM inbox"
        " WHERE outcome IN ('ticket', 'appended') AND envelope->'facts' ? 'peer'"
    )[0]
    campaign.wrong += abs(stored[0] - size.few)
    yield Figure("webhook_to_ticket", sent.accepted / (float(stored[1]) - sent.first), "/s", "Signed webhook → ticket")
    yield Figure("webhook_accept", sent.accepted / (sent.last - sent.first), "/s", "… accepted meanwhile")
    yield Figure("webhook_cpu", 1_000 * used / size.few, "ms/message", "… CPU a webhook, everything")
    steady = webhooks.Plan(port=instance.http_port, count=int(500 * size.seconds), rate=500, seed=2)
    answered = _post(campaign, steady)
    yield Figure("webhook_500_p50", answered.p50_ms, "ms", "Webhook → its answer at 500/s, p50")
    yield Figure("webhook_500_p99", answered.p99_ms, "ms", "Webhook → its answer at 500/s, p99")
    _empty(instance, "inbox", seconds=60)
    instance.sql("UPDATE outbox SET state = 'done' WHERE state = 'pending' AND payload->>'account' NOT LIKE '%@%'")


def _post(campaign: Campaign, plan: webhooks.Plan) -> webhooks.Sent:
    """One load of webhooks, by a process of its own."""
    command = [sys.executable, "-m", "bench.webhooks", msgspec.json.encode(plan).decode()]
    sent = msgspec.json.decode(subprocess.run(command, check=True, capture_output=True).stdout, type=webhooks.Sent)
    campaign.wrong += sent.refused
    return sent


def accept_alone(campaign: Campaign) -> Iterator[Figure]:
    """Durable accept with nobody settling, then the backlog settled."""
    campaign.instance.workers(1)
    campaign.instance.pause()
    outcome = campaign.load(campaign.size.mails, settle=False)
    yield Figure("accept_alone", outcome.accepts, "/s", "Durable accept alone")
    yield Figure("accept_alone_cpu", outcome.cpu, "ms/message", "… CPU a mail, everything")
    yield from _backlog(campaign)


def _backlog(campaign: Campaign) -> Iterator[Figure]:
    """What one worker settles when all is there already."""
    instance = campaign.instance
    before, begun = instance.meter(), time.monotonic()
    instance.resume()
    _empty(instance, "inbox", seconds=180)
    seconds, used = time.monotonic() - begun, instance.meter().since(before)
    yield Figure("backlog", campaign.size.mails / seconds, "/s", "Backlog → ticket, one worker")
    cost = 1_000 * sum(used.values()) / campaign.size.mails
    yield Figure("backlog_cpu", cost, "ms/message", "… CPU a mail, everything")


def _empty(instance: Instance, table: str, *, seconds: float) -> None:
    """Wait until nothing is pending there, at most so long."""
    deadline = time.monotonic() + seconds
    while instance.sql(f"SELECT FROM {table} WHERE state = 'pending' LIMIT 1") and time.monotonic() < deadline:
        time.sleep(0.1)


def slow_disk(campaign: Campaign) -> Iterator[Figure]:
    """Accept when each flush takes 5 ms longer."""
    instance = campaign.instance
    instance.pause()
    instance.commit_delay(5)
    try:
        instance.sql("CREATE TABLE slow (id int)")
        seconds = instance.commits("INSERT INTO slow VALUES (1)", 20)
        instance.sql("DROP TABLE slow")
        yield Figure("slow_disk_commit", 1_000 * statistics.median(seconds), "ms", "A commit with 5 ms added")
        outcome = campaign.load(campaign.size.few, settle=False)
        yield Figure("accept_slow_disk", outcome.accepts, "/s", "Durable accept with 5 ms added to each flush")
    finally:
        instance.commit_delay(0)
    instance.resume()
    _empty(instance, "inbox", seconds=180)


def connection_each(campaign: Campaign) -> Iterator[Figure]:
    """One mail a connection."""
    campaign.instance.workers(1)
    outcome = campaign.load(campaign.size.few, "connect")
    yield Figure("one_mail_a_connection", outcome.tickets, "/s", "SMTP → ticket, one mail a connection")
    yield Figure("one_mail_a_connection_cpu", outcome.cpu, "ms/message", "… CPU a mail, everything")


def redelivery(campaign: Campaign) -> Iterator[Figure]:
    """Everything three times, then once more to another mailbox of ours."""
    campaign.instance.workers(2)
    size = campaign.size.again
    found = campaign.load(size, passes=3).found
    beyond = max(0, found.items - 2 * size) + max(0, found.queued - found.tickets)
    yield Figure(
        "redelivery_doubled", found.doubled + beyond, "", f"Doubled after {4 * size} deliveries of {size} mails"
    )


def deliveries(campaign: Campaign) -> Iterator[Figure]:
    """Acknowledgements into the maildir, one worker."""
    instance = campaign.instance
    waiting = instance.sql("SELECT count(*) FROM outbox WHERE state = 'pending'")[0][0]
    instance.workers(0)
    before = instance.meter()
    instance.workers(1, "outbox", warm=False)
    _empty(instance, "outbox", seconds=STARTING_SECONDS + campaign.size.seconds)
    used = sum(instance.meter().since(before).values())
    row = instance.sql(
        """
        SELECT count(*), extract(epoch FROM max(settled_at) - min(settled_at))
        FROM outbox WHERE state = 'done' AND started_at IS NOT NULL
        """
    )[0]
    instance.workers(0)
    instance.sql(
        "UPDATE outbox SET state = 'done' WHERE state = 'pending'"
    )  # the next worker starts with nothing to do
    if waiting and row[0] > 1:
        yield Figure("delivery", row[0] / float(row[1]), "/s", "Acknowledgement → maildir, one worker")
        yield Figure("delivery_cpu", 1_000 * used / row[0], "ms/message", "… CPU each, the worker's start included")


def idle(campaign: Campaign) -> Iterator[Figure]:
    """What waiting costs."""
    campaign.instance.workers(1, "inbox,outbox")
    time.sleep(2)
    before, seconds = campaign.instance.meter(), min(5.0, campaign.size.seconds)
    time.sleep(seconds)
    used = campaign.instance.meter().since(before)
    yield Figure("idle_cpu", 100 * sum(used.values()) / seconds, "% of a core", "Everything, with nothing to do")


def parts_alone(campaign: Campaign) -> Iterator[Figure]:
    """Reference rates of the parts that we stand on."""
    instance, size = campaign.instance, campaign.size
    instance.pause()
    rate = references.aiosmtpd(campaign.generator, size.few)
    yield Figure("bare_aiosmtpd", rate, "/s", "For comparison: aiosmtpd that discards")
    rate = references.inserts(instance, size.mails)
    yield Figure("bare_insert", rate, "/s", "For comparison: single-row commits of the same bytes, 64 connections")
    rate = references.noops(instance, size.few)
    yield Figure("bare_dramatiq", rate, "/s", "For comparison: Dramatiq messages that do nothing")
    instance.resume()


def years(campaign: Campaign) -> Iterator[Figure]:
    """The cost of settling when years of mail are stored."""
    stored = fill(campaign.instance, campaign.size.stored, seconds=campaign.size.fill_seconds)
    campaign.instance.workers(1)
    campaign.load(campaign.size.warm)
    outcome = campaign.load(campaign.size.mails)
    yield Figure("stored_messages", stored, "", "Messages stored for the next line")
    yield Figure("settle_cost_many_stored", _settle_cost(outcome), "ms/message", "Cost of settling, many stored")
    yield Figure("cpu_postgres_many_stored", outcome.cpu_of("postgres"), "ms/message", "… of which postgres")
    yield Figure("smtp_to_ticket_many_stored", outcome.tickets, "/s", "SMTP → ticket, many stored, 1 worker")


MEASURES: tuple[Callable[[Campaign], Iterator[Figure]], ...] = (
    warm, throughput, redelivery, latency, lone, forms, signed_webhooks, connection_each, accept_alone, slow_disk,
    parts_alone, years, deliveries, idle,
)  # fmt: skip
