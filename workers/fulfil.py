"""Fulfil: what was proved to be an agent's answer is sent, and its commands are done; or neither.

Enters: a case whose agent, ticket and proof stand. Leaves: the answer in the ticket and the outbox, the ticket changed,
the agent told where something was wrong. Works inside the caller's transaction, what may have to be undone inside a
savepoint. May fail with what the database raises.
"""

from __future__ import annotations

from dataclasses import replace

from models import life
from models.relay import NoTicketError, NoWayOutError, relay
from workers import answer_kept, notice_text, orders
from workers.answer_case import Case, Taken, Withdrawn
from workers.answer_words import for_customer
from workers.commands import Said, understand
from workers.story import Story, story
from workers.told import language_of, zone_of


async def fulfil(case: Case) -> Taken:
    """All is proved: send the words, do what the commands say; or neither."""
    said = understand(for_customer(case.words, (case.member.email, case.member.telephone), _account(case)))
    if said.has("help") and not said.mistakes:
        return await answer_kept.refuse(case, "commands", "", kept=False)
    if said.mistakes:
        return await answer_kept.refuse(case, "commands", "", said=said)
    if not said.words and not case.files and not said.orders:
        return await answer_kept.refuse(case, "files" if case.lost else "empty", case.lost)
    earlier = await answer_kept.earlier(case)
    if earlier is not None:
        return earlier
    fields, merges, unknown = await orders.resolve(case.connection, case.office, case.member, said.orders)
    if unknown:
        return await answer_kept.refuse(case, "commands", "", said=replace(said, mistakes=tuple(unknown)))
    try:
        async with case.connection.begin_nested():
            taken = await _do(case, said)
            assert taken.ticket_id is not None  # noqa: S101 - what is done is done to a ticket
            await orders.obey(case.connection, case.office, case.member, taken.ticket_id, fields, merges)
    except Withdrawn as reason:
        return await answer_kept.refuse(case, reason.code, reason.detail)
    except life.Refusal as refusal:
        detail = life.worded(refusal, language_of(case.member, case.office))
        return await answer_kept.refuse(case, "order", detail, said=said)
    if said.orders and not said.has("note"):
        await _confirm(case, said)
    if case.lost:
        await answer_kept.say(case, notice_text.refused("files", case.lost, language=_language(case), kept=True)[:1])
    return taken


def _language(case: Case) -> str:
    return language_of(case.member, case.office)


def _account(case: Case) -> str:
    """What customers may write to: the ticket's account, where it is an address."""
    return case.about.account if case.about and case.about.account else case.line.account


async def _do(case: Case, said: Said) -> Taken:
    """The words, as an answer or as a note. Raises `Withdrawn`."""
    about, connection = case.about, case.connection
    if about is None:
        raise Withdrawn("no_ticket")
    if said.has("note"):
        number = await life.note(
            connection, case.member.actor, about.number, said.words or "-", files=case.files, once=f"answer:{case.once}"
        )
        await answer_kept.mark(case, number)
        return Taken("appended", about.number, number, queued=False, hints=[f"ticket:{about.number}"])
    taken = Taken("appended", about.number, None, queued=True, hints=[f"ticket:{about.number}"])
    if said.words or case.files:
        _allowed(case, about)
        try:
            taken.message_id = await relay(
                connection,
                case.office,
                about.number,
                said.words,
                actor=case.member.actor,
                files=case.files,
                once=f"answer:{case.once}",
            )
        except NoTicketError as error:
            raise Withdrawn("no_ticket", str(about.number)) from error
        except NoWayOutError as error:
            raise Withdrawn("no_way") from error
        await answer_kept.mark(case, taken.message_id)
    now = await story(connection, about.number, case.member.actor, most=0)
    if now is None or not now.visible:  # now that its row is locked: it was given to others in the same moment
        raise Withdrawn("forbidden")
    return taken


def _allowed(case: Case, about: Story) -> None:
    """Raises `Withdrawn` where the customer's channel would not carry it."""
    if about.window.stopped_at:
        raise Withdrawn("stopped")
    if about.window.closed_at:
        raise Withdrawn("closed", notice_text.moment(about.window.closed_at, zone_of(case.member)))


async def _confirm(case: Case, said: Said) -> None:
    """Say what the commands did."""
    what = ", ".join(order.said for order in said.orders)
    await answer_kept.say(case, [notice_text.words(_language(case))["done"].format(what=what)])
