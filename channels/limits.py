"""How much one visitor, one address and all together may ask of a gateway. In memory, one gateway's view.

Pure: the time is passed in, in seconds of whatever clock.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

MOST_KEYS = 50_000


class Bucket:
    """Tokens that flow back at `rate` a second, up to `most`."""

    __slots__ = ("_at", "_level", "most", "rate")

    def __init__(self, rate: float, most: float, now: float) -> None:
        self.rate, self.most = rate, most
        self._level, self._at = most, now

    def level(self, now: float) -> float:
        """What is in it."""
        self._level = min(self.most, self._level + max(now - self._at, 0.0) * self.rate)
        self._at = now
        return self._level

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take `amount`. Returns 0.0, or how many seconds too early it was; then nothing was taken."""
        if self.level(now) >= amount:
            self._level -= amount
            return 0.0
        return (amount - self._level) / self.rate


class Buckets:
    """A bucket for each key. Forgets the key that was quiet longest when there are too many."""

    def __init__(self, rate: float, most: float, keys: int = MOST_KEYS) -> None:
        self._rate, self._most, self._keys = rate, most, keys
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str, now: float, amount: float = 1.0) -> float:
        """As `Bucket.take`, for `key`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._most, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now, amount)

    def give_back(self, key: str, now: float, amount: float = 1.0) -> None:
        """Return what was taken for something that turned out to be no trouble."""
        self.take(key, now, -amount)

    def level(self, key: str, now: float) -> float:
        """What is left for `key`; nothing is taken."""
        bucket = self._buckets.get(key)
        return bucket.level(now) if bucket is not None else self._most

    def empty(self, key: str, now: float) -> bool:
        """Whether the next one of `key` would be too early; nothing is taken."""
        bucket = self._buckets.get(key)
        return bucket is not None and bucket.level(now) < 1.0


class Crowd:
    """Counts who is inside, by address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Let one in; False where the address has its share."""
        if self._inside[address] >= self._most:
            return False
        self._inside[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One went."""
        self._inside[address] -= 1
        if self._inside[address] <= 0:
            del self._inside[address]
