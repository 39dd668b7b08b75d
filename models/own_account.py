"""What agents change about themselves: how they read pages, how they are told of work, their telephone.

Enters: an open connection, the actor. Leaves: their row, and a line in the history of access where it matters who they
are or where they are reached. A telephone number counts once a code that was sent to it came back; the code lives ten
minutes and is compared as a hash. Raises `TelephoneTaken`, or what the database raises.
"""

from __future__ import annotations

import re
import secrets

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from models import proofs
from models.access_event import note
from models.actor import Actor

QUIET_HOURS = re.compile(r"(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?")
CODE_DIGITS, CODE_HOURS = 6, 1 / 6


class TelephoneTaken(ValueError):
    """The number is another agent's."""


async def set_profile(
    connection: AsyncConnection, actor: Actor, *, name: str, language: str, timezone: str, address: str
) -> None:
    """Name, language of the pages, time zone."""
    await connection.execute(_PROFILE, {"id": actor.id, "name": name, "language": language, "timezone": timezone})
    if name != actor.name:
        await note(connection, actor, actor.id, "name", actor.name, name, address=address)


async def set_language(connection: AsyncConnection, actor: Actor, language: str) -> None:
    """The language of the pages alone."""
    await connection.execute(_LANGUAGE, {"id": actor.id, "language": language})


async def set_notify(
    connection: AsyncConnection, actor: Actor, *, channel: str, quiet_hours: str, address: str
) -> None:
    """How they are told of work, and when not."""
    old = await connection.scalar(_NOTIFY_OF, {"id": actor.id})
    await connection.execute(_NOTIFY, {"id": actor.id, "channel": channel, "quiet": quiet_hours})
    if old != channel:
        await note(connection, actor, actor.id, "notify", str(old), channel, address=address)


async def claim_telephone(connection: AsyncConnection, actor: Actor, number: str) -> str:
    """The code that has to come back from `number`. Earlier codes count no longer."""
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    said = _said(actor, number, code)
    await proofs.make(connection, actor.id, "telephone", hours=CODE_HOURS, detail=number, token=said)
    return code


async def claimed_telephone(connection: AsyncConnection, actor: Actor) -> str:
    """The number whose code is awaited; '' for none."""
    return str(await connection.scalar(_CLAIMED, {"id": actor.id}) or "")


async def prove_telephone(connection: AsyncConnection, actor: Actor, code: str, *, address: str) -> bool:
    """Take the code. Returns whether it was right; raises `TelephoneTaken`."""
    number = await claimed_telephone(connection, actor)
    digits = "".join(letter for letter in code if letter.isdecimal())
    if not number or not await proofs.redeem_code(connection, _said(actor, number, digits), actor.id):
        return False
    try:
        async with connection.begin_nested():
            await connection.execute(_TELEPHONE, {"id": actor.id, "number": number})
    except IntegrityError as error:
        raise TelephoneTaken("the number is another agent's") from error
    await note(connection, actor, actor.id, "telephone", new=number, address=address)
    return True


async def forget_telephone(connection: AsyncConnection, actor: Actor, *, address: str) -> None:
    """Have no number any more, and await no code."""
    old = await connection.scalar(_TELEPHONE_OF, {"id": actor.id})
    await proofs.void(connection, actor.id, "telephone")
    await connection.execute(_TELEPHONE, {"id": actor.id, "number": ""})
    if old:
        await note(connection, actor, actor.id, "telephone", str(old), "", address=address)


def _said(actor: Actor, number: str, code: str) -> str:
    """What the code is hashed with, so that it proves this number to this agent alone."""
    return f"telephone {actor.id} {number} {code}"


_PROFILE = text("UPDATE agent SET name = :name, language = :language, timezone = :timezone WHERE id = :id")
_LANGUAGE = text("UPDATE agent SET language = :language WHERE id = :id")
_NOTIFY_OF = text("SELECT notify_channel FROM agent WHERE id = :id")
_NOTIFY = text("UPDATE agent SET notify_channel = :channel, quiet_hours = :quiet WHERE id = :id")
_CLAIMED = text(
    """
    SELECT detail FROM agent_token
    WHERE agent_id = :id AND purpose = 'telephone' AND NOT used AND expires_at > now() ORDER BY created_at DESC LIMIT 1
    """
)
_TELEPHONE_OF = text("SELECT telephone FROM agent WHERE id = :id")
_TELEPHONE = text(
    """
    UPDATE agent SET telephone = :number,
        telephone_verified_at = CASE WHEN cast(:number AS text) = '' THEN NULL ELSE now() END
    WHERE id = :id
    """
)
