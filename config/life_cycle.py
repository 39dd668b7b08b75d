"""Settings of a ticket's life."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from config.section import Section


class Life(Section):
    """The ways that tickets take. See docs/life.md."""

    pipelines: Path | None = Field(None, description="A pipelines.toml of yours; empty: the one that ships.")
