"""Change: the fields of a ticket, by anybody who may, each change one line of its history.

Enters: field → value, and what the actor saw before (`expected`). Leaves: the row, its events, `Done`. All of it or
nothing: a refusal comes before anything is written. May fail: `Refusal`, or what the database raises.

    status, pipeline, stage     together by `cycle`: setting one moves the others
    answer                      where answers go, `channel:address`: only to addresses of the ticket's contact, and of
                                those who take part (threat T20)
    tags_added, tags_removed    beside `tags`, the whole list: two agents who tag at once lose nothing
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor
from models.life.cycle import ENDED, Cycle
from models.life.refusals import Conflict, NotAllowed, Refusal
from models.life.row import Change, Done, keys, lock_one, note, shown
from models.ticket import COMMITMENT_HOURS, PERIMETERS, PRIORITIES

MOST_AT_ONCE = 500
MOST_TAGS, LONGEST_TAG, LONGEST_SUBJECT, LONGEST_NAME = 50, 50, 500, 100
COLUMNS = {
    "pipeline": "pipeline",
    "stage": "stage",
    "status": "status",
    "priority": "priority",
    "commitment_hours": "commitment_hours",
    "category": "category",
    "product": "product",
    "perimeter": "perimeter",
    "level": "level",
    "team": "team",
    "assignee": "assignee_id",
    "subject": "subject",
    "language": "language",
    "tags": "tags",
    "contact": "contact_id",
}
"""Field, which is its events' kind → its column. `answer` has three columns."""
FIELDS = (*COLUMNS, "answer")
GIVEN = (*FIELDS, "tags_added", "tags_removed")
"""What `change` takes."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One of many that was not changed."""

    number: int
    code: str
    reason: str


async def change(
    connection: AsyncConnection,
    actor: Actor,
    number: int,
    wanted: Mapping[str, Any],
    *,
    cycle: Cycle,
    expected: Mapping[str, Any] | None = None,
) -> Done:
    """Make `wanted` (field → value) so, if what `expected` says stands there still."""
    row = await lock_one(connection, actor, number)
    before = values_of(row)
    for field, value in (expected or {}).items():
        if field not in before:
            raise NotAllowed("no_field", f"{field!r} is no field of a ticket.")
        if shown(value) != shown(before[field]):
            raise Conflict(field, shown(before[field]))
    after = dict(before)
    for field, value in wanted.items():
        if field not in GIVEN:
            raise NotAllowed("no_field", f"{field!r} is no field of a ticket.")
        if field not in ("status", "stage", "pipeline", "answer", "tags_added", "tags_removed"):
            after[field] = _CHECKS[field](value)
    _move(after, before, wanted, cycle)
    _tag(after, wanted)
    account = row.answer_account
    if "answer" in wanted and wanted["answer"] != before["answer"]:
        after["answer"], account = await _answer(connection, row, str(wanted["answer"]), after["contact"])
    await _exist(connection, before, after)
    changes = [
        Change(field, shown(before[field]), shown(after[field]))
        for field in FIELDS
        if shown(before[field]) != shown(after[field])
    ]
    if row.snoozed_until is not None and after["status"] in ENDED and before["status"] not in ENDED:
        changes.append(Change("snoozed", shown(row.snoozed_until), ""))
    if changes:
        await _write(connection, row, after, account, changes)
        await note(connection, actor, number, changes)
    return Done(number=number, changes=tuple(changes), keys=keys(row) if changes else ())


async def change_many(
    connection: AsyncConnection, actor: Actor, numbers: Sequence[int], wanted: Mapping[str, Any], *, cycle: Cycle
) -> list[Done | Refused]:
    """The same change to many tickets, each by itself: a refusal of one leaves the others. In the order given."""
    if len(numbers) > MOST_AT_ONCE:
        raise NotAllowed("too_many", f"At most {MOST_AT_ONCE} tickets are changed at once.")
    results: dict[int, Done | Refused] = {}
    for number in sorted(set(numbers)):
        try:
            async with connection.begin_nested():
                results[number] = await change(connection, actor, number, wanted, cycle=cycle)
        except Refusal as refusal:
            results[number] = Refused(number=number, code=refusal.code, reason=refusal.reason)
    return [results[number] for number in dict.fromkeys(numbers)]


async def fields(connection: AsyncConnection, actor: Actor, number: int) -> dict[str, Any]:
    """The present value of every field, by the names that `change` takes. Locks the row."""
    return values_of(await lock_one(connection, actor, number))


def values_of(row: Any) -> dict[str, Any]:
    """Field → value of a ticket's row."""
    answer = f"{row.answer_channel}:{row.answer_address}" if row.answer_address else ""
    return {**{field: getattr(row, column) for field, column in COLUMNS.items()}, "answer": answer}


def _move(after: dict[str, Any], before: Mapping[str, Any], wanted: Mapping[str, Any], cycle: Cycle) -> None:
    """Pipeline, stage and status, in this order, so that the last word fits the first."""
    pipeline, stage, status = before["pipeline"], before["stage"], before["status"]
    if wanted.get("pipeline", pipeline) != pipeline:
        pipeline = str(wanted["pipeline"])
        stage = cycle.to_pipeline(pipeline, status)
    if wanted.get("stage", stage) != stage:
        status, stage = cycle.to_stage(pipeline, str(wanted["stage"]), status)
    if wanted.get("status", status) != status:
        if "status" in wanted and "stage" in wanted and status != before["status"]:
            held = cycle.stage(pipeline, stage)
            if held is None or wanted["status"] not in held.statuses:
                raise NotAllowed("stage_status", f"Stage {stage!r} holds no {wanted['status']!r} tickets.")
        status, stage = cycle.to_status(pipeline, stage, before["status"], str(wanted["status"]))
    after.update(pipeline=pipeline, stage=stage, status=status)


def _tag(after: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    added, removed = (set(_tags(wanted.get(name, ()))) for name in ("tags_added", "tags_removed"))
    tags = (set(after["tags"]) | added) - removed
    if len(tags) > MOST_TAGS:
        raise NotAllowed("too_many_tags", f"A ticket has at most {MOST_TAGS} tags.")
    after["tags"] = sorted(tags)


async def _answer(connection: AsyncConnection, row: Any, wanted: str, contact: int) -> tuple[str, str]:
    """Where answers go from now on, and our account that they leave from."""
    channel, _, address = wanted.partition(":")
    values = {"contact": contact, "channel": channel, "address": address, "ticket": row.id}
    found = (await connection.execute(_ANSWER, values)).one()
    if not address or not (found.own or wanted in (*row.participants, *row.guests)):
        raise NotAllowed("no_answer", "Answers go only to addresses of the ticket's contact, or of who takes part.")
    account = row.answer_account if channel == row.answer_channel else found.account
    if not account:
        raise NotAllowed("no_account", f"No account of ours is known to which {wanted} ever wrote.")
    return wanted, account


async def _exist(connection: AsyncConnection, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise for a team, an agent or a contact that is not there."""
    named = {field: after[field] for field in ("team", "assignee", "contact") if after[field] != before[field]}
    if not any(named.values()):
        return
    there = (await connection.execute(_THERE, {field: after[field] for field in ("team", "assignee", "contact")})).one()
    for field, value in named.items():
        if value and not getattr(there, field):
            raise NotAllowed(f"no_{field}", f"There is no {field} {value!r} that could have it.")


async def _write(
    connection: AsyncConnection, row: Any, after: Mapping[str, Any], account: str, changes: Sequence[Change]
) -> None:
    """The row."""
    handed = any(one.field in ("team", "assignee") and one.old and one.new for one in changes)
    channel, _, address = after["answer"].partition(":")
    resolved = (row.resolved_at or row.now) if after["status"] in ENDED else None
    values = {column: after[field] for field, column in COLUMNS.items()}
    values |= {"id": row.id, "answer_channel": channel or row.answer_channel, "answer_address": address}
    values |= {"answer_account": account, "handed": int(handed), "resolved_at": resolved}
    values["snoozed_until"] = None if after["status"] in ENDED else row.snoozed_until
    await connection.execute(_UPDATE, values)


def _one_of(name: str, values: Sequence[object]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in values or isinstance(value, bool):
            raise NotAllowed(f"no_{name}", f"{value!r} is no {name.replace('_', ' ')}.")
        return value

    return check


def _name(name: str, *, empty: bool) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not (_NAME.fullmatch(value) or (empty and not value)):
            raise NotAllowed(f"no_{name}", f"{value!r} is no {name}.")
        return value

    return check


def _line(name: str, longest: int, *, empty: bool) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        line = " ".join("".join(one if one.isprintable() else " " for one in str(value)).split())
        if len(line) > longest or not (line or empty):
            raise NotAllowed(f"no_{name}", f"A {name} has 1 to {longest} letters.")
        return line

    return check


def _number(name: str, *, empty: bool) -> Callable[[Any], int | None]:
    def check(value: Any) -> int | None:
        if value is None and empty:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
            raise NotAllowed(f"no_{name}", f"{value!r} is no {name}.")
        return value

    return check


def _tags(values: Any) -> list[str]:
    found = []
    for value in values:
        tag = " ".join(str(value).split()).casefold()
        if not tag.isprintable() or not 0 < len(tag) <= LONGEST_TAG or "," in tag:
            raise NotAllowed("no_tag", f"{tag!r} is no tag: 1 to {LONGEST_TAG} letters, without a comma.")
        found.append(tag)
    return sorted(set(found))


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "priority": _one_of("priority", PRIORITIES),
    "commitment_hours": _one_of("commitment_hours", (None, *COMMITMENT_HOURS)),
    "perimeter": _one_of("perimeter", PERIMETERS),
    "level": _one_of("level", (1, 2, 3)),
    "category": _name("category", empty=False),
    "product": _line("product", LONGEST_NAME, empty=True),
    "team": _line("team", LONGEST_NAME, empty=True),
    "assignee": _number("assignee", empty=True),
    "subject": _line("subject", LONGEST_SUBJECT, empty=False),
    "language": _name("language", empty=True),
    "tags": _tags,
    "contact": _number("contact", empty=False),
}

_ANSWER = text(
    """
    SELECT EXISTS (SELECT FROM identity
            WHERE channel = :channel AND address = :address AND contact_id = :contact) AS own,
        coalesce((SELECT account FROM answer_window WHERE channel = :channel AND address = :address
                  ORDER BY last_in_at DESC LIMIT 1),
                 (SELECT inbox.account FROM message JOIN inbox ON inbox.id = message.inbox_id
                  WHERE message.channel = :channel
                    AND message.identity_id = (SELECT id FROM identity WHERE channel = :channel AND address = :address)
                  ORDER BY message.id DESC LIMIT 1), '') AS account
    """
)
_THERE = text(
    """
    SELECT EXISTS (SELECT FROM team WHERE name = :team) AS team,
        EXISTS (SELECT FROM agent WHERE id = cast(:assignee AS bigint) AND disabled_at IS NULL) AS assignee,
        EXISTS (SELECT FROM contact WHERE id = cast(:contact AS bigint)) AS contact
    """
)
_UPDATE = text(
    f"""
    UPDATE ticket SET {", ".join(f"{column} = :{column}" for column in COLUMNS.values())},
        answer_channel = :answer_channel, answer_address = :answer_address, answer_account = :answer_account,
        transfers = transfers + :handed, resolved_at = :resolved_at, snoozed_until = :snoozed_until, updated_at = now()
    WHERE id = :id
    """
)
