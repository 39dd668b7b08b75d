"""`guichet train`: learn categories from agents' corrections, and put the new model in force if it sorts no worse.

Enters: the seed set, the corrections in the database, files of labelled messages. Leaves: `var/triage/VERSION.model`,
and `var/triage/model`, the one in force from the workers' next start on; a model of labels that are no categories of
this desk is only kept, never put in force. Fails with `ExamplesError` for a file that
cannot be read, with `TrainingError` where there is nothing to learn from.

A correction is an event of kind `category` whose actor is an agent; what it says of the ticket's first message counts,
the last one of a ticket. Every fifth correction is held back: the model in force and one that was learnt without them
both sort those, and only a new one that gets as many right takes over, learnt then from all of them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from workers.examples import Labelled
from workers.learn import learn
from workers.model import Model, Table
from workers.quality import share
from workers.rules import LEARNT, Rules
from workers.seed import seed
from workers.triage import category_of

HELD_BACK = 5
"""Every so-manieth correction is not learnt from but compared on."""


class TrainingError(Exception):
    """Why nothing could be learnt, in words."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a training; what `--json` prints."""

    version: str
    texts: int
    corrections: int
    compared_on: int
    accuracy_in_force: float | None
    accuracy: float | None
    """Of the new model, on the corrections held back or on the test file."""
    written: str
    """The file that was put in force; '' where none was."""


async def corrections(connection: AsyncConnection) -> list[Labelled]:
    """What agents said of tickets that had been sorted otherwise."""
    return [Labelled(**row._mapping) for row in await connection.execute(_CORRECTIONS)]


def train(
    settings: Settings,
    corrected: Sequence[Labelled],
    *,
    test: Sequence[Labelled] = (),
    alone: bool = False,
    out: Path | None = None,
) -> Report:
    """Learn from the seed set and `corrected`, or with `alone` from these only. Raises `TrainingError`."""
    if not corrected:
        raise TrainingError("There is nothing to learn from: no agent has corrected a category, and no file was given.")
    rules = Rules.of(settings)
    foreign = not {message.label for message in corrected} <= set(rules.categories)
    base = [] if alone or foreign else seed()
    kept = [] if test else [message for message in corrected if _held_back(message)]
    learnt = [message for message in corrected if test or not _held_back(message)]
    judges = test or kept
    table = _learn([*base, *learnt])
    new, old = _right(judges, table, rules, foreign=foreign), _right(judges, None, rules, foreign=foreign)
    better = new is None or old is None or new >= old
    if better and kept:
        table = _learn([*base, *corrected])
    octets = msgspec.msgpack.encode(table)
    version = Model(table).version
    in_force = settings.var / LEARNT
    path = out or (in_force.with_name(f"{version}.model") if foreign else in_force)
    if better:
        _put(octets, path, version)
    return Report(
        version=version,
        texts=table.about.texts,
        corrections=len(corrected),
        compared_on=len(judges),
        accuracy_in_force=old,
        accuracy=new,
        written=str(path) if better else "",
    )


def show(report: Report, *, json: bool) -> None:
    """Print what came of it."""
    if json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return
    console = Console(emoji=False)
    console.print(f"Model {report.version}: {report.texts} texts, {report.corrections} corrections or given labels.")
    console.print(f"On {report.compared_on} that it had not seen: {_percent(report.accuracy)} right.")
    console.print(f"The model in force, on the same: {_percent(report.accuracy_in_force)}.")
    console.print(f"Written to {report.written}." if report.written else "It sorts worse, so nothing was changed.")


def _percent(value: float | None) -> str:
    return "nothing to compare" if value is None else f"{value:.1%}"


def _held_back(message: Labelled) -> bool:
    """Always the same ones, whatever else was corrected meanwhile."""
    digest = hashlib.blake2b(f"{message.subject}\n{message.text}".encode("utf-8", "surrogatepass"), digest_size=4)
    return int.from_bytes(digest.digest(), "big") % HELD_BACK == 0


def _learn(messages: Sequence[Labelled]) -> Table:
    try:
        return learn([message.example() for message in messages], trained_on="seed set and corrections of this desk")
    except ValueError as error:
        raise TrainingError(f"There is too little to learn from: {error}.") from error


def _right(judges: Sequence[Labelled], table: Table | None, rules: Rules, *, foreign: bool) -> float | None:
    """The share that a model gets right: with the phrases for the desk's own categories, by itself for others."""
    model = Model(table) if table else rules.model
    if foreign:
        known = {message.label for message in judges} <= set(model.about.labels)
        return share([_best(model, message) == message.label for message in judges]) if known else None
    theirs = msgspec.structs.replace(rules, model=model)
    return share([category_of(message.message(), theirs).likeliest == message.label for message in judges])


def _best(model: Model, message: Labelled) -> str:
    example = message.example()
    scores = model.score(example.found, question=example.question).by_label
    return max(scores, key=scores.__getitem__)


def _put(octets: bytes, path: Path, version: str) -> None:
    """Keep the version, then put it in force in one step: a worker that starts meanwhile reads the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{version}.model").write_bytes(octets)
    fresh = path.with_name(f".{version}.new")
    fresh.write_bytes(octets)
    fresh.replace(path)


_CORRECTIONS = text(
    """
    SELECT DISTINCT ON (event.ticket_id) event.new AS label, message.subject, ticket.language,
        coalesce(nullif(message.reply_text, ''), message.text) AS text
    FROM ticket_event AS event
    JOIN ticket ON ticket.id = event.ticket_id
    JOIN LATERAL (
        SELECT subject, reply_text, text FROM message
        WHERE message.ticket_id = event.ticket_id AND direction = 'in' ORDER BY message.id LIMIT 1
    ) AS message ON true
    WHERE event.kind = 'category' AND event.actor LIKE 'agent:%' AND (message.text <> '' OR message.subject <> '')
    ORDER BY event.ticket_id, event.id DESC
    """
)
