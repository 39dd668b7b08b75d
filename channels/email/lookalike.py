"""Domains that may be mistaken for others: letters of several alphabets in one name, or of one that looks Latin. Pure.

Enters: an address. Leaves: a warning in words, or ''. Nothing fails. Names in one other alphabet are honest; only what
could pass for Latin at a glance is told (UTS #39 §5 draws the same line).
"""

from __future__ import annotations

import unicodedata

_LOOK_LATIN = frozenset("аеорсухіјѕԁһӏгԛԝ" + "αορνικυϲ")  # noqa: RUF001 - Cyrillic and Greek, on purpose


def warning(address: str) -> str:
    """Why the domain of `address` may not be what it seems to be."""
    domain = address.rpartition("@")[2]
    if domain.isascii() and "xn--" not in domain:
        return ""
    labels = [_shown(label) for label in domain.split(".")]
    if not any(map(_deceptive, labels)):
        return ""
    return f"the domain {_written(domain)} reads like {'.'.join(labels)}, and mixes or imitates alphabets"


def _shown(label: str) -> str:
    """A label as people see it."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode().decode("punycode")
    except UnicodeError:
        return label


def _written(domain: str) -> str:
    """A domain as the DNS has it."""
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _deceptive(label: str) -> bool:
    letters = [letter for letter in label if letter.isalpha()]
    scripts = {unicodedata.name(letter, "?").partition(" ")[0] for letter in letters}
    if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}:
        return True
    return bool(letters) and "LATIN" not in scripts and all(letter in _LOOK_LATIN for letter in letters)
