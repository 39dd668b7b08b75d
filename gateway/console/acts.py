"""What is done to a ticket from its page. Every act is one transaction; after it the page is shown anew.

    POST /console/{number}/reply      303 the answer is queued (the same form twice: once) or the note is kept
    POST /console/{number}/preview    200 what the customer would get
    POST /console/{number}/change     303 fields, those alone that differ from what the page showed
    POST /console/{number}/{act}      303 take, snooze, wake, merge, unmerge, split, unsplit, link, unlink, dismiss
    everywhere: 404 for a ticket that is not there or not the actor's to see; 409 somebody was faster, 413 too large,
    422 it cannot be done, 503 try again: then the page comes back with the reason, and with all that was typed

A form names the values that it showed (`was_<field>`), and the newest message (`latest`): what was decided on an old
page is not done silently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import wording
from channels.posted import NotTaken, Posted
from gateway.console.desk import Desk, chosen, log, moved, number_in
from gateway.console.ticket import LINKS, Given, TicketPages
from gateway.staff import actor_of, language_of
from gateway.staff.moments import zone_of
from models import dossier, life, people, resemblance
from models.actor import Actor
from models.envelope import AttachedFile, Template
from models.relay import NoTicketError, NoWayOutError, relay

LONGEST = 50_000
FIELDS = ("status", "priority", "category", "product", "team", "subject", "language", "pipeline", "stage")
"""Fields that are text; the others are read by `_asked`."""

ACTS = (
    "take", "change", "snooze", "wake", "merge", "unmerge", "split", "unsplit", "link", "unlink", "dismiss"
)  # fmt: skip
"""Each has its route, and its method `_<act>`."""

Act = Callable[["AsyncConnection", Actor, int, Mapping[str, str]], Awaitable["life.Done"]]


class RefusedAct(Exception):
    """It cannot be done: the name of a sentence of the texts, the page's status."""

    def __init__(self, why: str, status: int = 422, part: str = "") -> None:
        super().__init__(why)
        self.why, self.status, self.part = why, status, part


class Acts:
    """The handlers."""

    def __init__(self, desk: Desk, pages: TicketPages, cycle: life.Cycle) -> None:
        self._desk, self._pages, self._cycle = desk, pages, cycle
        self._acts: dict[str, Act] = {name: getattr(self, f"_{name}") for name in ACTS if name != "dismiss"}

    # answers and notes

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """Send an answer, or keep a note."""
        posted, number = Posted(), number_in(request.match_info["number"])
        try:
            posted = await self._desk.posted(request)
            is_note = posted.values.get("kind") == "note"
            words = wording.lines(posted.values.get("text", ""))
            files = tuple(_file(file.filename, file.content_type, file.content) for file in posted.files)
            template = None if is_note else await self._template(request, number, posted.values)
            words = words if template is None else template.text
            _sendable(words, files)
            once = _once(actor_of(request), number, posted.values.get("key", "")[:64], words, files)
            async with self._desk.writing() as connection:
                if is_note:
                    keys = await self._note(connection, actor_of(request), number, words, files, once)
                else:
                    keys = await self._answer(connection, request, number, posted.values, words, files, once, template)
        except Exception as error:  # noqa: BLE001 - `_again` raises what it does not know
            return await self._again(request, error, posted.values, "reply")
        self._desk.tell(keys, send=not is_note)
        return moved(f"{self._desk.pages.root}/console/{number}?notice={'noted' if is_note else 'sent'}")

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        number: int,
        words: str,
        files: tuple[AttachedFile, ...],
        once: str,
    ) -> list[str]:
        agents, _teams = await self._desk.people()
        mentions = people.mentioned(words, agents)
        await life.note(connection, actor, number, words, mentions=mentions, files=files, once=once)
        return [f"ticket:{number}", *(f"agent:{agent}" for agent in mentions)]

    async def _answer(
        self,
        connection: AsyncConnection,
        request: web.Request,
        number: int,
        values: Mapping[str, str],
        words: str,
        files: tuple[AttachedFile, ...],
        once: str,
        template: Template | None,
    ) -> list[str]:
        """Queue the answer. Looked at under the ticket's lock: whether it may be seen, and whether it is news."""
        actor = actor_of(request)
        if not await dossier.sees(connection, actor, [number]):
            raise life.NoTicket(number)
        message_id = await relay(
            connection, self._desk.office, number, words, actor=actor, files=files, once=once, template=template
        )
        row = (await connection.execute(_RELAYED, {"id": message_id})).one()
        if not await dossier.sees(connection, actor, [row.ticket_id]):
            raise life.NoTicket(number)
        latest = number_in(values.get("latest", "")) or message_id
        if row.ticket_id == number and await connection.scalar(
            _MEANWHILE, {"ticket": number, "latest": latest, "id": message_id}
        ):
            raise RefusedAct("wrote_meanwhile", 409)
        if (status := values.get("then", "")) and row.fresh:
            await life.change(connection, actor, row.ticket_id, {"status": status}, cycle=self._cycle)
        return [f"ticket:{row.ticket_id}", row.conversation]

    async def _template(self, request: web.Request, number: int, values: Mapping[str, str]) -> Template | None:
        """The template that was chosen, its parameters filled in; None where none was."""
        name = values.get("template", "")
        if not name:
            return None
        async with self._desk.reading() as connection:
            whole = await dossier.dossier(connection, actor_of(request), number)
        if whole is None:
            raise life.NoTicket(number)
        known = await self._desk.templates(whole.answer_channel, whole.answer_account)
        template = next((one for one in known if f"{one.name}|{one.language}" == name), None)
        if template is None:
            raise RefusedAct("malformed")
        given = [wording.line(line) for line in values.get("parameters", "").split("\n") if line.strip()]
        words = template.text
        for place, value in enumerate(given, 1):
            words = words.replace(f"{{{{{place}}}}}", value)
        return Template(name=template.name, language=template.language, parameters=tuple(given), text=words or name)

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """What the customer would get, and how many messages of the provider that is."""
        number = number_in(request.match_info["number"])
        try:
            values = (await self._desk.posted(request)).values
        except NotTaken as refusal:
            return web.Response(status=refusal.status)
        async with self._desk.reading() as connection:
            whole = await dossier.dossier(connection, actor_of(request), number)
        if whole is None:
            return web.Response(status=404)
        words = wording.lines(values.get("text", ""))
        channel = self._desk.channels.get(whole.answer_channel)
        html = self._desk.pages.fragment(
            request,
            "preview.html",
            ticket=whole,
            words=words,
            parts=channel.parts(whole.answer_account, words) if channel else 0,
            name=actor_of(request).name,
        )
        return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})

    # everything else

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Carry out one of the acts."""
        name, number = request.path.rpartition("/")[2], number_in(request.match_info["number"])
        values: Mapping[str, str] = {}
        try:
            values = (await self._desk.posted(request)).values
            if name == "dismiss":
                return await self._dismiss(request, number, values)
            given = {**values, "timezone": actor_of(request).timezone}
            async with self._desk.writing() as connection:
                done = await self._acts[name](connection, actor_of(request), number, given)
        except Exception as error:  # noqa: BLE001 - `_again` raises what it does not know
            return await self._again(request, error, values, name)
        self._desk.tell([*done.keys, f"ticket:{number}"])
        notice = "changed" if done.changes or name not in ("change", "take") else "nothing_changed"
        shown = done.number if name in ("merge", "split") else number
        return moved(f"{self._desk.pages.root}/console/{shown}?notice={notice}")

    async def _dismiss(self, request: web.Request, number: int, values: Mapping[str, str]) -> web.StreamResponse:
        async with self._desk.writing() as connection:
            other = number_in(values.get("other", ""))
            if not await resemblance.dismiss(connection, actor_of(request), number, other):
                raise life.NoTicket(number)
        self._desk.tell([f"ticket:{number}", f"ticket:{other}"])
        return moved(f"{self._desk.pages.root}/console/{number}?notice=dismissed")

    async def _take(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        expected = {"assignee": number_in(values["was_assignee"]) or None} if "was_assignee" in values else {}
        return await life.change(
            connection, actor, number, {"assignee": actor.id}, cycle=self._cycle, expected=expected
        )

    async def _change(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        changes, expected = asked(values)
        return await life.change(connection, actor, number, changes, cycle=self._cycle, expected=expected)

    async def _snooze(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        try:
            until = datetime.fromisoformat(values.get("until", "")).replace(tzinfo=zone_of(values["timezone"]))
        except ValueError as error:
            raise RefusedAct("bad_time") from error
        if until <= datetime.now(UTC):
            raise RefusedAct("bad_time")
        return await life.snooze(connection, actor, number, until.astimezone(UTC))

    async def _wake(self, connection: AsyncConnection, actor: Actor, number: int, _values: Mapping[str, str]) -> Any:
        return await life.snooze(connection, actor, number, None)

    async def _merge(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        done = await life.merge(connection, actor, number, _other(values))
        return life.Done(number=_other(values), changes=done.changes, keys=done.keys)

    async def _unmerge(self, connection: AsyncConnection, actor: Actor, _number: int, values: Mapping[str, str]) -> Any:
        return await life.unmerge(connection, actor, _other(values))

    async def _split(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        messages = chosen(values, "m")
        if not messages:
            raise RefusedAct("no_choice")
        subject = wording.line(values.get("subject", ""))[:300]
        return await life.split(connection, actor, number, messages, subject=subject, cycle=self._cycle)

    async def _unsplit(self, connection: AsyncConnection, actor: Actor, number: int, _values: Mapping[str, str]) -> Any:
        return await life.unsplit(connection, actor, number)

    async def _link(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        kind = values.get("kind", "")
        return await life.link(connection, actor, number, _other(values), kind=kind if kind in LINKS else LINKS[0])

    async def _unlink(self, connection: AsyncConnection, actor: Actor, number: int, values: Mapping[str, str]) -> Any:
        return await life.unlink(connection, actor, number, _other(values))

    async def _again(
        self, request: web.Request, error: Exception, values: Mapping[str, str], part: str
    ) -> web.StreamResponse:
        """The page with the reason. Raises `error` where it is a bug."""
        words, language = self._desk.pages.words(request), language_of(request)
        match error:
            case life.NoTicket() | NoTicketError():
                return self._desk.refused(request, 404)
            case life.Conflict():
                field, now = str(getattr(error, "field", "") or ""), str(getattr(error, "now", "") or "")
                agents, _teams = await self._desk.people()
                names = {agent.id: agent.name for agent in agents}
                known = words["kinds"].get(field, field)
                shown = self._desk.words.value(field, now, words, names, language) or "–"
                why = words["conflict"].format(field=known, now=shown) if field else words["conflict_any"]
                given = Given(409, why, values, part)
            case life.Refusal():
                given = Given(422, life.worded(error, language), values, part)
            case NoWayOutError():
                given = Given(422, words["cannot_answer"], values, part)
            case RefusedAct():
                given = Given(error.status, words[error.why], values, part)
            case NotTaken():
                known = error.why in ("large", "many")
                given = Given(
                    error.status,
                    words["too_large" if known else "malformed"],
                    dict(error.posted.values) if error.posted else values,
                    part,
                )
            case SQLAlchemyError() | OSError() | TimeoutError():
                log.error("console_failed", error=type(error).__name__)
                given = Given(503, words["busy"], values, part)
            case _:
                raise error
        return await self._pages.page(request, given)


def _once(actor: Actor, number: int, key: str, words: str, files: Sequence[AttachedFile]) -> str:
    """By what a double click is known. Other words from the same page, or a page without a key, are another answer."""
    said = hashlib.sha256("\0".join((words, *(file.sha256 for file in files))).encode()).hexdigest()
    return f"console:{actor.id}:{number}:{key}:{said}" if key else ""


def _sendable(words: str, files: tuple[AttachedFile, ...]) -> None:
    if not words and not files:
        raise RefusedAct("empty_text")
    if len(words) > LONGEST:
        raise RefusedAct("too_large", 413)


def asked(values: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a form changes, and what it saw: fields that stand in it with another value than it showed."""
    changes: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for name in (*FIELDS, "level", "commitment_hours", "assignee", "tags"):
        if name not in values or f"was_{name}" not in values:
            continue
        now, was = _asked(name, values[name]), _asked(name, values[f"was_{name}"])
        if now != was:
            changes[name], expected[name] = now, was
    return changes, expected


def _asked(name: str, said: str) -> Any:
    if name in ("commitment_hours", "assignee"):
        return number_in(said) or None
    if name == "level":
        return number_in(said)
    if name == "tags":
        return sorted({tag for part in said.split(",") if (tag := wording.line(part)[:50])})
    return wording.line(said)[:300]


def _other(values: Mapping[str, str]) -> int:
    other = number_in(values.get("other", ""))
    if not other:
        raise RefusedAct("bad_number")
    return other


def _file(name: str, kind: str, content: bytes) -> AttachedFile:
    """A file under a name and a type that can only be shown."""
    kind = kind.partition(";")[0].strip().lower()
    kind = kind if kind.isascii() and kind.count("/") == 1 else "application/octet-stream"
    return AttachedFile(filename=wording.filename(name) or "file", content_type=kind, content=content)


_RELAYED = text(
    """
    SELECT message.ticket_id, ticket.conversation, message.created_at = now() AS fresh
    FROM message JOIN ticket ON ticket.id = message.ticket_id WHERE message.id = :id
    """
)
# Beyond what the page showed, and before the answer itself: a repeated form finds its own answer and nothing else.
_MEANWHILE = text(
    """
    SELECT EXISTS (
        SELECT FROM message WHERE ticket_id = :ticket AND id > :latest AND id < :id
          AND (direction = 'in' OR (direction = 'out' AND sender LIKE 'agent:%')))
    """
)
