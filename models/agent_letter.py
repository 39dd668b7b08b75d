"""Letters to agents that hold a link for them alone: an invitation, a new password.

Enters: the agent's account. Leaves: a single-use token, and a notice in the outbox whose text names the link by a
nonce. The token is a seal over that nonce, put in place when the letter is handed over (`fill`): the outbox does not
hold what opens an account. Fails with what the database raises.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import to_json
from config.letters import letter
from config.settings import Settings
from models import proofs
from models.agents import Account
from models.envelope import Address, OutboundMessage

PATHS = {"invitation": "invitations", "reset": "resets"}
PLACE = re.compile(r"/(invitations|resets)/link-([0-9a-f]{32})(?![0-9a-z])")


def token_of(secret: bytes, nonce: str) -> str:
    """The token of a link: 43 letters, 256 bits."""
    digest = hmac.digest(secret, b"agent link\0" + nonce.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def fill(secret: bytes, words: str) -> str:
    """`words` with the tokens in place, to be handed to the agent and nobody else."""
    return PLACE.sub(lambda found: f"/{found[1]}/{token_of(secret, found[2])}", words) if "/link-" in words else words


def address(settings: Settings, purpose: str, token: str) -> str:
    """The link that `token` is in."""
    return f"{settings.base_url}/{PATHS[purpose]}/{token}"


async def post(connection: AsyncConnection, settings: Settings, secret: bytes, whom: Account, purpose: str) -> None:
    """Make a link for `whom`, and queue the letter that holds it."""
    nonce = secrets.token_hex(16)
    hours = settings.staff.invitation_hours
    await proofs.make(connection, whom.id, purpose, hours=hours, token=token_of(secret, nonce))
    language = whom.language or settings.triage.languages[0]
    link = address(settings, purpose, f"link-{nonce}")
    subject, words = letter(purpose, language, name=whom.name, link=link, hours=f"{hours:g}")
    await queue(connection, settings, whom.email, subject, words, language=language, nonce=nonce)


async def queue(
    connection: AsyncConnection, settings: Settings, to: str, subject: str, words: str, *, language: str, nonce: str
) -> None:
    """Queue a letter to an agent."""
    staff = settings.staff
    domain = settings.mail.domain or staff.mail_from.partition("@")[2] or "localhost"
    await _queue(connection, staff.mail_by, staff.mail_from, to, subject, words, language, nonce, domain)


async def send_code(connection: AsyncConnection, settings: Settings, number: str, code: str, language: str) -> None:
    """Queue a code to a telephone."""
    staff, nonce = settings.staff, secrets.token_hex(16)
    _subject, words = letter("telephone_code", language, code=code)
    await _queue(connection, staff.text_by, staff.text_from, number, "", words, language, nonce, "localhost")


async def _queue(
    connection: AsyncConnection,
    channel: str,
    account: str,
    to: str,
    subject: str,
    words: str,
    language: str,
    nonce: str,
    domain: str,
) -> None:
    outbound = OutboundMessage(
        channel=channel,
        account=account,
        to=Address(to),
        subject=subject,
        text=words,
        message_id=f"{nonce}.agent@{domain}",
        automatic=True,
        language=language,
        trace_id=secrets.token_hex(16),
    )
    values = {
        "key": f"agent:{nonce}",
        "channel": outbound.channel,
        "lane": f"{outbound.channel}:{to}",
        "trace_id": outbound.trace_id,
        "payload": to_json(outbound),
    }
    await connection.execute(_NOTICE, values)


_NOTICE = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, cast(:payload AS jsonb))
    """
)
