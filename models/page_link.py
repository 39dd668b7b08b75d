"""Links to a ticket's own page: each lets whoever holds it read one ticket and write in it.

A link's token is 128 bits of HMAC over a random nonce, under the installation's key. Stored are the nonce and the
token's SHA-256, so that who reads the database, or a copy of it, opens no page. Texts in the database carry
`/t/link-<nonce>`; `fill` puts the token in its place just before a message leaves.

    made ──(expires_at)──▶ expired: as if it had never been; a new one is had by mail

All database functions work inside the caller's transaction and raise only what the database raises.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, key, link, moment, words

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
PLACE = re.compile(r"/t/link-([0-9a-f]{32})(?![0-9a-z])")


class PageLink(SQLModel, table=True):
    """One link."""

    __tablename__: ClassVar[str] = "page_link"
    __table_args__ = (
        Index("page_link_token", "token_hash", unique=True),
        Index("page_link_ticket", "ticket_id", "id"),
        Index("page_link_expiry", "expires_at"),
    )

    id: int = key()
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    nonce: str = words()
    ticket_id: int = link("ticket.id", nullable=False)
    channel: str = words()
    address: str = words()
    """Whom it was made for: who writes by it counts as this identity."""
    reply_token: str = words()
    """The sealed token that a reply by it carries, so that it joins the ticket."""
    expires_at: Moment = moment()
    created_at: Moment = moment(now=True)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a good link opens."""

    number: int
    subject: str
    status: str
    language: str
    channel: str
    """The channel of the identity that the link was made for."""
    address: str
    answer_account: str
    reply_token: str
    created_at: datetime
    updated_at: datetime


def token_of(secret: bytes, nonce: str) -> str:
    """The token of a link: 22 letters, 128 bits."""
    digest = hmac.digest(secret, b"page link\0" + nonce.encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def place(base_url: str, nonce: str) -> str:
    """How a text in the database names the link."""
    return f"{base_url}/t/link-{nonce}"


def fill(secret: bytes, words: str) -> str:
    """`words` with the tokens in place, to be handed to the customer and nobody else."""
    return PLACE.sub(lambda found: f"/t/{token_of(secret, found[1])}", words) if "/t/link-" in words else words


def veil(words: str) -> str:
    """`words` without the paragraphs that name a link: for pages, whose readers have one."""
    if "/t/link-" not in words:
        return words
    return "\n\n".join(part for part in words.split("\n\n") if not PLACE.search(part))


def row(
    secret: bytes, nonce: str, *, ticket_id: int, address: tuple[str, str], reply_token: str, now: datetime, days: int
) -> dict[str, Any]:
    """The row of a new link. `nonce` is 32 random hex digits, `address` is channel and address."""
    return {
        "token_hash": _hash(token_of(secret, nonce)),
        "nonce": nonce,
        "ticket_id": ticket_id,
        "channel": address[0],
        "address": address[1],
        "reply_token": reply_token,
        "expires_at": now + timedelta(days=days),
        "created_at": now,
    }


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def find(connection: AsyncConnection, token: str) -> Page | None:
    """What `token` opens; None for anything but a link that is valid now, whatever the reason."""
    if not TOKEN.fullmatch(token):
        return None
    found = (await connection.execute(_FIND, {"hash": _hash(token)})).one_or_none()
    return None if found is None else Page(**found._mapping)


async def latest(connection: AsyncConnection, ticket_id: int, address: str) -> Any:
    """The latest link of a ticket that was made for `address`; None where there was none."""
    return (await connection.execute(_LATEST, {"ticket": ticket_id, "address": address})).one_or_none()


_FIND = text(
    """
    SELECT ticket.id AS number, subject, status, language, page_link.channel, page_link.address, answer_account,
        reply_token, ticket.created_at, ticket.updated_at
    FROM page_link CROSS JOIN LATERAL (
        WITH RECURSIVE way AS (
            SELECT id, merged_into FROM ticket WHERE id = page_link.ticket_id
            UNION SELECT ticket.id, ticket.merged_into FROM ticket JOIN way ON ticket.id = way.merged_into
        ) SELECT id FROM way WHERE merged_into IS NULL
    ) AS survivor JOIN ticket ON ticket.id = survivor.id
    WHERE token_hash = :hash AND expires_at > now()
    """
)
_LATEST = text(
    """
    SELECT page_link.channel, page_link.reply_token, ticket.answer_account AS account, ticket.language
    FROM page_link JOIN ticket ON ticket.id = page_link.ticket_id
    WHERE ticket_id = :ticket AND address = :address ORDER BY page_link.id DESC LIMIT 1
    """
)
INSERT = text(
    """
    INSERT INTO page_link (token_hash, nonce, ticket_id, channel, address, reply_token, expires_at, created_at)
    VALUES (:token_hash, :nonce, :ticket_id, :channel, :address, :reply_token, :expires_at, :created_at)
    """
)
