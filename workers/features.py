"""What a learnt model sees of a text: its words, and pairs of words. Pure.

In: folded tokens (see `workers.lexicon.tokens`). Out: distinct words with two marks, one for a question, one for the
length of the text; and the pairs of tokens that stand side by side. A word is more than itself: it is also its groups
of three to five letters, so that "facturation" and a misspelt "factruation" say nearly the same. Words and groups are
hashed to buckets by a checksum that is the same on every machine (CRC-32 of ISO 3309); pairs are kept by name. Nothing
fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from zlib import crc32

from workers.lexicon import STOP

SIZES = (3, 4, 5)
"""Letters of a group, the word's edges among them."""
MOST_LETTERS = 24
"""Letters of a word that are looked at."""
MOST_PAIRS = 64
"""Tokens of a text of which the pairs are looked at: what somebody wants they say early."""
BUCKETS = 1 << 17
_MASK = BUCKETS - 1
QUESTION, LENGTH = "?", "#"
"""The marks; a text's own tokens never look like them."""

Pair = tuple[str, str]


def words(found: Sequence[str], *, question: bool) -> set[str]:
    """The distinct words of a text, and its marks."""
    distinct = set(found)
    distinct.discard(STOP)
    distinct.add(f"{LENGTH}{min(7, len(distinct).bit_length())}")
    if question:
        distinct.add(QUESTION)
    return distinct


def pairs(found: Sequence[str]) -> Iterator[Pair]:
    """Each token with the one after it; a stop before a word is of interest, one behind it is not."""
    return zip(found, islice(found, 1, MOST_PAIRS), strict=False)


def buckets(word: str) -> list[int]:
    """Of a word and of its groups of letters, each once; of a mark or a number, its own."""
    octets = word.encode()
    if len(word) == 1 or not word.isalpha():
        return [crc32(octets) & _MASK]
    edged = b"_%b_" % octets[:MOST_LETTERS]
    ends = len(edged) + 1
    groups = {crc32(edged[at : at + size]) & _MASK for size in SIZES for at in range(ends - size)}
    groups.discard(whole := crc32(octets) & _MASK)
    return [whole, *groups]
