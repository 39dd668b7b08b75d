"""How our answers are named, so that the customer's own answer finds its ticket: sealed ids and reply addresses.

Enters: the settings and the channels. Leaves: what `models.answer` asks for. May fail at the making: `OSError` where
the installation's key can neither be read nor written.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from channels import Channel
from config import secret
from config.seals import own_message_id, reply_token
from config.settings import Settings


class Sealing:
    """Seals names for one installation. `make_nonce` gives 16 hex digits by chance."""

    def __init__(
        self,
        settings: Settings,
        channels: Mapping[str, Channel],
        make_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._key = secret.key(settings)
        self._domain = settings.mail.domain
        self._channels = channels
        self._make_nonce = make_nonce

    def message_id(self, ticket: int, account: str) -> str:
        """A new Message-ID of ours for `ticket`, which goes out from `account`."""
        domain = self._domain or account.rpartition("@")[2] or "localhost"
        return own_message_id(self._key, ticket, self._make_nonce(), domain)

    def reply_address(self, channel: str, account: str, ticket: int, label: str) -> str:
        """Where the participant `label` is to answer to; '' on channels without such addresses."""
        hooks = self._channels.get(channel)
        return hooks.reply_address(account, reply_token(self._key, ticket, label)) if hooks else ""
