"""Budgets of acknowledgements (rule A19): which ones a message draws on. Pure.

A scope is a text: `account:<channel>:<account>`, `domain:<of the recipient>`, `source:<network>`.
"""

from __future__ import annotations

from workers.acknowledge import source_of
from workers.batch import Draft, Office
from workers.parties import acknowledged_address, answers_from


def scopes_of(draft: Draft, office: Office) -> list[str]:
    """The budgets that an acknowledgement of this message would draw on."""
    channel, account = answers_from(draft)
    scopes = [f"account:{channel}:{account}"]
    domain = acknowledged_address(draft)[1].rpartition("@")[2]
    if domain:
        scopes.append(f"domain:{domain}")
    source = source_of(draft.item.envelope.remote, tuple(office.settings.acknowledge.trusted_sources))
    if source:
        scopes.append(f"source:{source}")
    return scopes
