"""Several whole numbers side by side in one: vectors that Python adds in a single step. Pure.

The vector v₀ v₁ … is the whole number Σ vᵢ · 2^(WIDTH·i). Packing is linear, so adding two packed vectors, or
multiplying one by a whole number, does the same to each of its numbers, negative ones included, exactly and alike on
every machine: eight or eighty additions for the price of one.

In: whole numbers whose sums stay below 2^(WIDTH-1) in size. Out: vectors. Nothing fails; a number that outgrew its lane
would spill into the next one, so those who add keep within the bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

WIDTH = 48
"""Bits of a lane."""
HALF = 1 << (WIDTH - 1)
OCTETS = WIDTH // 8


def pack(numbers: Iterable[int]) -> int:
    """The vector of `numbers`."""
    packed, shift = 0, 0
    for number in numbers:
        packed += number << shift
        shift += WIDTH
    return packed


def unpack(packed: int, count: int) -> list[int]:
    """The `count` numbers of a vector."""
    octets = (packed + _bias(count)).to_bytes(OCTETS * count + 1, "little")
    return [int.from_bytes(octets[at : at + OCTETS], "little") - HALF for at in range(0, OCTETS * count, OCTETS)]


@cache
def _bias(count: int) -> int:
    """What makes every lane positive, so that none borrows from the next."""
    return pack([HALF] * count)
