"""Near-duplicates: whether a message says again what its sender said before, in other clothes. Pure.

In: the tokens of a message (see `workers.lexicon.tokens`), and sketches of what the same contact wrote lately. Out: the
one that it resembles most, with a score from 0 to 1. Nothing fails.

A sketch is the set of a text's distinct words of four letters or more, and of its numbers, each hashed to 32 bits, the
letters that a typing mistake spares most often first. Two texts resemble each other as much as the smaller set lies
within the larger one: another greeting, a signature, a quotation around it or "I wrote this by mail already" make a
copy longer, and no less a copy. Words of courtesy, which every letter of a person holds, are left out.

Only one contact's messages of a few days are compared, so the contact is the index, and a sketch is a column beside
the message (at most 96 words, 384 bytes).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec

from workers.model import numbers_as_octets

SHORTEST, STEM, MOST = 4, 6, 96
UNSAID = -1
"""The hash of a word that says nothing."""
MOST_REMEMBERED = 20_000
LEAST = 4
"""A text of fewer words says too little to be recognised."""

COURTESY = """
    bonjour bonsoir madame monsieur messieurs cordialement salutations sinceres sincerement merci avance bonne journee
    soiree distingues veuillez agreer expression respectueusement bien vous votre dans pour avec cette mais plus tout
    hello dear sirs madam team regards kind best wishes thanks thank sincerely yours faithfully cheers please have that
    this with your from been would could there about deja message mail email
"""


class Sketch(msgspec.Struct, frozen=True):
    """What a message said, as hashes."""

    words: frozenset[int]

    @classmethod
    def of(cls, found: Iterable[str]) -> Sketch:
        """The sketch of a text's tokens."""
        distinct = set(found)
        if len(_hashes) > MOST_REMEMBERED:
            _hashes.clear()
        for word in distinct.difference(_hashes):
            _hashes[word] = _hash(word)
        hashes = set(map(_hashes.__getitem__, distinct))
        hashes.discard(UNSAID)
        return cls(frozenset(sorted(hashes)[:MOST]))

    @classmethod
    def read(cls, octets: bytes) -> Sketch:
        """A stored sketch."""
        numbers = array("I")
        numbers.frombytes(octets[: len(octets) // numbers.itemsize * numbers.itemsize])
        return cls(frozenset(numbers))

    def stored(self) -> bytes:
        """As it stands in the database: unsigned 32-bit numbers, ascending."""
        return numbers_as_octets("I", sorted(self.words))

    def likeness(self, other: Sketch) -> float:
        """From 0 to 1: how much of the shorter text stands in the longer one; 0 where either says too little."""
        shorter = min(len(self.words), len(other.words))
        return len(self.words & other.words) / shorter if shorter >= LEAST else 0.0


def nearest(sketch: Sketch, others: Sequence[Sketch]) -> tuple[int, float]:
    """The place of the one that `sketch` resembles most, the first of equals, and how much; (-1, 0) for none."""
    scores = [sketch.likeness(other) for other in others]
    best = max(scores, default=0.0)
    return (scores.index(best), best) if best else (-1, 0.0)


def _hash(word: str) -> int:
    """What a word counts as; remembered, since most words of a message were met before."""
    said = (len(word) >= SHORTEST or word.isdigit()) and word[:STEM] not in _STEMS
    return crc32(word[:STEM].encode()) if said else UNSAID


_STEMS = frozenset(word[:STEM] for word in COURTESY.split())
_hashes: dict[str, int] = {}
