"""Probe: whether every relay and every mailbox of the settings lets us in, tried for real.

Enters: the settings. Leaves: a line for each, with what to do. Nothing is sent, fetched or marked. Nothing fails.
"""

from __future__ import annotations

import asyncio
import ssl

from channels import ChannelError, Unavailable
from channels.email.imap_session import Session
from channels.email.login import Login, tokens
from channels.email.sender import Relay
from channels.traits import Probed
from config.settings import ImapAccount, Settings
from config.settings import Relay as RelaySettings


async def all_of(settings: Settings) -> tuple[Probed, ...]:
    """Every relay, then every mailbox; all at once."""
    relays = {"mail.relay": settings.mail.relay} | {f"mail.relays.{n}": one for n, one in settings.mail.relays.items()}
    tried = [
        *(_relay(name, relay, settings) for name, relay in relays.items()),
        *(_mailbox(f"imap.{name}", account, settings) for name, account in settings.imap.items()),
    ]
    return tuple(await asyncio.gather(*tried))


async def _relay(name: str, relay: RelaySettings, settings: Settings) -> Probed:
    if not relay.host:
        return Probed(name, ok=True, said="no relay: mail goes into the local maildir var/outgoing, not to customers")
    try:
        await Relay(relay, settings.smtp.hostname, tokens(settings.var)).probe()
    except Unavailable as error:
        return Probed(name, ok=False, said=f"{error}; check host, port, security, username and password of {name}")
    return Probed(name, ok=True, said=f"{relay.host} lets us in")


async def _mailbox(name: str, account: ImapAccount, settings: Settings) -> Probed:
    login = Login(account.username or account.address, account.password, account.oauth, tokens(settings.var))
    session = Session(account, account.folders[0].name, max_bytes=settings.smtp.max_message_bytes)
    try:
        secret = await login.secret()
        await asyncio.to_thread(session.open, secret)
    except (ChannelError, OSError, ssl.SSLError, ValueError) as error:
        return Probed(name, ok=False, said=f"{error}; check host, port, security and login of {name}")
    finally:
        await asyncio.to_thread(session.close)
    return Probed(name, ok=True, said=f"{account.host} lets us in")
