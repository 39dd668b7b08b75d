"""Numbers on the pages of operations: those of `config.numerals`, which all pages share."""

from __future__ import annotations

from config.numerals import SPACE, UNKNOWN, clock, duration, number, octets

__all__ = ["SPACE", "UNKNOWN", "clock", "duration", "number", "octets"]
