"""How our answers are named, so that the customer's own answer finds its ticket: sealed ids and reply addresses.

Enters: the installation's key and the channels. Leaves: what `models.answer` asks for. Nothing fails.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from channels import Channel
from config.seals import own_message_id, reply_token


class Sealing:
    """Seals names for one installation. `domain`: of Message-IDs, '' for the account's; `make_nonce`: 16 hex digits."""

    def __init__(
        self,
        key: bytes,
        channels: Mapping[str, Channel],
        *,
        domain: str = "",
        make_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._key = key
        self._domain = domain
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
