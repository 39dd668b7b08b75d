"""The command `guichet`: each subcommand calls into the room that does the work.

Each module beside this one holds the commands of one concern and registers them with `guichet.commands:app`.
"""

from __future__ import annotations

from guichet import (
    agents,
    care,
    contact,
    desk,
    figures,
    incident,
    ledger,
    processes,
    quarantine,
    reading,
    tokens,
    webhooks,
)
from guichet.commands import app

__all__ = [
    "agents",
    "app",
    "care",
    "contact",
    "desk",
    "figures",
    "incident",
    "ledger",
    "main",
    "processes",
    "quarantine",
    "reading",
    "tokens",
    "webhooks",
]


def main() -> None:
    """Entry point."""
    app()
