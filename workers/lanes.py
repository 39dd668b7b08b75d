"""Several whole numbers side by side in one: vectors that Python adds in a single step. Pure.

The vector v₀ v₁ … is the whole number Σ vᵢ · 2^(WIDTH·i). Packing is linear, so adding two packed vectors, or
multiplying one by a whole number, does the same to each of its numbers, negative ones included, exactly and alike on
every machine: eight or eighty additions for the price of one.

In: whole numbers whose sums stay below 2^(WIDTH-1) in size. Out: vectors. Nothing fails; a number that outgrew its lane
would spill into the next one, so those who add keep within the bound.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from functools import cache

WIDTH = 64
"""Bits of a lane: those of a machine word, which arrays can take apart."""
HALF = 1 << (WIDTH - 1)


def pack(numbers: Iterable[int]) -> int:
    """The vector of `numbers`."""
    packed, shift = 0, 0
    for number in numbers:
        packed += number << shift
        shift += WIDTH
    return packed


def unpack(packed: int, count: int) -> list[int]:
    """The `count` numbers of a vector."""
    octets = ((packed + _bias(count)) & _mask(count)).to_bytes(8 * count, "little")
    numbers = array("Q", octets)
    if sys.byteorder == "big":
        numbers.byteswap()
    return [number - HALF for number in numbers]


@cache
def _mask(count: int) -> int:
    """As many ones as the lanes have bits: what was carried out of the last lane is not part of it."""
    return (1 << (WIDTH * count)) - 1


@cache
def _bias(count: int) -> int:
    """What makes every lane positive, so that none borrows from the next."""
    return pack([HALF] * count)
