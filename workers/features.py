"""What a learnt model sees of a text: its words, and pairs of words. Pure.

In: folded tokens (see `workers.lexicon.tokens`). Out: distinct words with two marks, one for a question, one for the
length of the text; and the pairs of tokens that stand side by side. A word is more than itself: it is also its groups
of three to five letters, so that "facturation" and a misspelt "factruation" say nearly the same. Words and groups are
hashed to buckets; pairs are kept by name. Nothing fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from zlib import crc32

from workers.lexicon import STOP

SHORTEST, LONGEST = 3, 5
"""Letters of a group, the word's edges among them."""
MOST_LETTERS = 24
"""Letters of a word that are looked at."""
BUCKETS = 1 << 17
QUESTION, LENGTH = "?", "#"
"""The marks; a text's own tokens never look like them."""

Pair = tuple[str, str]


def words(found: Sequence[str], *, question: bool) -> set[str]:
    """The distinct words of a text, and its marks."""
    distinct = set(found)
    distinct.discard(STOP)
    distinct.add(f"{LENGTH}{min(7, len(found).bit_length())}")
    if question:
        distinct.add(QUESTION)
    return distinct


def pairs(found: Sequence[str]) -> Iterator[Pair]:
    """Each token with the one after it."""
    return zip(found, islice(found, 1, None), strict=False)


def buckets(word: str) -> list[int]:
    """Of a word and of its groups of letters; of a mark, its own."""
    if len(word) == 1 or word.startswith(LENGTH):
        return [_bucket(word)]
    edged = f"_{word[:MOST_LETTERS]}_"
    groups = {edged[at : at + size] for size in range(SHORTEST, LONGEST + 1) for at in range(len(edged) - size + 1)}
    return [_bucket(word), *map(_bucket, sorted(groups))]


def _bucket(name: str) -> int:
    """A checksum, the same on every machine (CRC-32 of ISO 3309)."""
    return crc32(name.encode()) % BUCKETS
