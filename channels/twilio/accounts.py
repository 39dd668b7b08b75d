"""Our accounts at Twilio: which secrets sign for which, and which numbers are whose. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from channels.number import is_e164

WHATSAPP = "whatsapp:"


def accounts(settings: Any) -> tuple[Any, ...]:
    """Every account of the settings that has a name, the first one first."""
    return tuple(account for account in (settings, *settings.accounts) if account.account_sid)


def tokens(settings: Any, account_sid: str) -> Iterator[str]:
    """What may have signed a request that names this account: its own secrets; for a stranger's, everybody's.

    A subaccount that we do not know signs with its parent's token: what it sends is kept in quarantine, not lost.
    """
    ours = [account for account in accounts(settings) if account.account_sid == account_sid]
    for account in ours or accounts(settings):
        for secret in (account.auth_token, account.secondary_auth_token, account.signing_key):
            if token := secret.get_secret_value():
                yield token


def owner(settings: Any, number: str) -> Any | None:
    """The account that sends from `number`: the one that names it, else the first that names none."""
    known = accounts(settings)
    bare = number.removeprefix(WHATSAPP)
    named = [account for account in known if bare in account.numbers]
    return next(iter(named or [account for account in known if not account.numbers]), None)


def is_ours(settings: Any, account_sid: str, number: str) -> bool:
    """Whether a request of this account about this number is for us."""
    account = next((account for account in accounts(settings) if account.account_sid == account_sid), None)
    return account is not None and (not account.numbers or number.removeprefix(WHATSAPP) in account.numbers)


def answerable(address: str) -> bool:
    """Whether one can write back: to a number with its country, and nothing else."""
    return is_e164(address.removeprefix(WHATSAPP))
