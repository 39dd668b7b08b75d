"""By what this desk counts: from its settings. Nothing fails that `guichet check` has not said."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from config.settings import Settings
from models.statistics.fact import Basis


def basis_of(settings: Settings) -> Basis:
    """The basis of these settings."""
    return Basis(ZoneInfo(settings.statistics.timezone), frozenset(settings.statistics.complaints))
