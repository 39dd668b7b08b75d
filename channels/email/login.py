"""Logging in to a mail server, IMAP or SMTP: a password, or XOAUTH2 with a token that is had anew before it ends.

Enters: what the settings say of an account. Leaves: `Secret`, what is said to the server. May fail: `LoginFailed`,
with a reason that holds no secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
from pydantic import SecretStr

from channels import ChannelError
from config.settings import OAuth

SPARE_SECONDS = 120.0
"""A token is renewed so long before it ends."""
TOKEN_SECONDS = 30.0
"""Bound on asking for one."""


def tokens(var: Path) -> Path:
    """Where refresh tokens that replace configured ones are kept, those of all accounts and all processes."""
    return var / "tokens"


class LoginFailed(ChannelError):
    """We are not let in. The text is the reason."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What is said to the server: `password`, or the access token where `token` is set."""

    username: str
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"Secret({self.username!r})"


class Grant(msgspec.Struct, frozen=True):
    """What a token endpoint answers (RFC 6749 §5.1)."""

    access_token: str
    expires_in: float = 3600
    refresh_token: str = ""


class Login:
    """One account's way in. `folder`: where refresh tokens that replace the configured one are kept."""

    def __init__(
        self,
        username: str,
        password: SecretStr,
        oauth: OAuth | None,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.username = username
        self._password = password
        self._oauth = oauth
        self._clock = clock
        self._folder = folder
        self._turn = asyncio.Lock()
        self._token = ""
        self._ends = 0.0

    async def secret(self) -> Secret:
        """What to say now. Raises `LoginFailed` where no token can be had."""
        oauth = self._oauth
        if oauth is None:
            return Secret(self.username, password=self._password.get_secret_value())
        async with self._turn:  # all folders of an account log in at once, and one token serves them
            if self._clock() >= self._ends:
                grant = await self._ask(oauth)
                self._token, self._ends = grant.access_token, self._clock() + grant.expires_in - SPARE_SECONDS
        return Secret(self.username, token=self._token)

    def forget(self) -> None:
        """The server did not like the token: ask for another one before the next try."""
        self._ends = 0.0

    async def _ask(self, oauth: OAuth) -> Grant:
        """Trade the refresh token for an access token (RFC 6749 §6), or our own secret where there is none (§4.4)."""
        configured = oauth.refresh_token.get_secret_value()
        kept = self._folder / hashlib.sha256(configured.encode()).hexdigest()[:32]
        form = {
            "grant_type": "refresh_token" if configured else "client_credentials",
            "client_id": oauth.client_id,
            "client_secret": oauth.client_secret.get_secret_value(),
            "refresh_token": (_read(kept) or configured) if configured else "",
            "scope": oauth.scope,
        }
        grant = await _post(oauth.token_url, {name: value for name, value in form.items() if value})
        if configured and grant.refresh_token and grant.refresh_token != form["refresh_token"]:
            _keep(kept, grant.refresh_token)
        return grant


async def _post(url: str, form: dict[str, str]) -> Grant:
    timeout = aiohttp.ClientTimeout(total=TOKEN_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=form, allow_redirects=False) as answer,
        ):
            content = await answer.content.read(100_000)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LoginFailed(f"the token endpoint does not answer: {type(error).__name__}") from error
    try:
        if answer.status == 200:
            return msgspec.json.decode(content, type=Grant, strict=False)
        refusal = msgspec.json.decode(content, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise LoginFailed(f"the token endpoint answers {answer.status} without sense") from error
    raise LoginFailed(f"the token endpoint answers {answer.status}: {str(refusal.get('error', ''))[:100]}")


def _read(path: Path) -> str:
    """A refresh token that was kept, or ''."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _keep(path: Path, token: str) -> None:
    """Microsoft gives a new refresh token each time, and lets the old one end after 90 days."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    fresh.replace(path)
