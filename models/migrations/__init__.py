"""The history of the tables. `upgrade` brings a database to the newest shape, `downgrade` back to an older one.

Several processes may call `upgrade` at once: the first one works, under an advisory lock, and the others wait.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config


def configuration(url: str) -> Config:
    """Alembic's configuration for the database at `url` (postgresql+asyncpg://…)."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Apply every migration up to `revision`. Raises what the database raises; a failed migration leaves no trace."""
    command.upgrade(configuration(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Undo migrations down to `revision`. Drops what the undone ones had made, data included."""
    command.downgrade(configuration(url), revision)
