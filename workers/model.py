"""A learnt model: which words, pairs and groups of letters speak for which label, as plain numbers. Pure.

In: the octets of a model file (`Model.read`), then texts as tokens. Out: for each label how strongly the text speaks
for it, in log-odds, and the words that weighed. Fails: `ModelError` for octets that are no model, at start.

The score of a label is the sum of its weights over the text's words and pairs, divided by the text's length as a
vector, plus the label's bias. The weights of all labels stand side by side in one number (`workers.lanes`), with the
squared length in the lane before them, and the sum over a word's letters is remembered: scoring a text costs a
dictionary look-up and an addition a word.
"""

from __future__ import annotations

import hashlib
import math
import sys
from array import array
from collections.abc import Iterable, Sequence

import msgspec

from workers import features
from workers.lanes import pack, unpack

FORMAT = 1
LEVEL = 8
"""Steps of a squared weight of a feature: 8 stands for 1."""


MOST_WORDS = 16_384
"""How many words of past texts a model remembers the sums of: 4 MB."""
LEAST_NAMED = 0.1
"""Log-odds below which a word is not named among those that weighed."""
SHORT_TEXT = 60.0
"""The length, as a vector, of about the shortest text of which words are named."""

Unit = str | features.Pair


class ModelError(ValueError):
    """Octets that are no model of this format, and why."""


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The head of a model: what it is and where it comes from. It bears no date: the same texts give the same model."""

    format: int = FORMAT
    labels: tuple[str, ...]
    trained_on: str
    """The texts, in words."""
    texts: int
    features: str
    """How texts are read."""
    settings: str
    """How it was trained."""
    bias: tuple[float, ...]
    scale: float
    """What a weight of 1 in the table stands for."""
    least: tuple[float, ...]
    """For each label the probability below which it is not believed."""
    accuracy: float
    """On texts held back, by cross-validation."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model as it is stored. Row i of `weights` belongs to bucket i, rows after those to the pairs, in order."""

    about: About
    buckets: bytes
    """Unsigned 32-bit, little-endian, ascending."""
    levels: bytes
    """Unsigned 16-bit: the squared weight of each row's feature, in steps of 1/8."""
    weights: bytes
    """Signed 16-bit, one for each label, row by row."""
    pairs: tuple[features.Pair, ...]


class Scores(msgspec.Struct, frozen=True):
    """What a model makes of a text."""

    by_label: dict[str, float]
    """Log-odds, up to a number that all labels share."""
    words: set[str]
    pairs: list[features.Pair]
    length: float


class Model:
    """A model, ready to score. What it remembers changes nothing of its answers."""

    def __init__(self, table: Table) -> None:
        self.about = table.about
        self.version = hashlib.blake2b(msgspec.msgpack.encode(table), digest_size=6).hexdigest()
        self._lanes = len(table.about.labels) + 1
        rows = _rows(table)
        self._row = array("I", bytes(4 * features.BUCKETS))
        for row, bucket in enumerate(_numbers("I", table.buckets), start=1):
            self._row[bucket] = row
        self._rows = [0, *rows[: len(rows) - len(table.pairs)]]
        self._pairs = dict(zip(table.pairs, rows[len(rows) - len(table.pairs) :], strict=True))
        self._words: dict[str, int] = {}
        self._least = round(LEAST_NAMED * SHORT_TEXT / table.about.scale)
        self._strong_pairs: dict[str, dict[Unit, int]] = {label: {} for label in table.about.labels}
        for pair, packed in self._pairs.items():
            self._note(pair, packed, self._strong_pairs)
        self._strong = {label: dict(pairs) for label, pairs in self._strong_pairs.items()}

    @classmethod
    def read(cls, octets: bytes, name: str) -> Model:
        """The model that a file called `name` holds. Raises `ModelError`."""
        try:
            table = msgspec.msgpack.decode(octets, type=Table)
            about, rows = table.about, len(table.levels) // 2
            if about.format != FORMAT:
                raise ModelError(f"{name}: format {about.format}, and this Guichet reads {FORMAT}")
            if not (
                len(about.labels) == len(about.bias) == len(about.least) > 1
                and rows == len(table.buckets) // 4 + len(table.pairs)
                and rows * len(about.labels) * 2 == len(table.weights)
                and max(_numbers("I", table.buckets), default=0) < features.BUCKETS
            ):
                raise ModelError(f"{name}: a table does not fit the others")
        except (msgspec.DecodeError, ValueError) as error:
            raise ModelError(str(error) if isinstance(error, ModelError) else f"{name}: {error}") from error
        return cls(table)

    def score(self, found: Sequence[str], *, question: bool) -> Scores:
        """How strongly the text of these tokens speaks for each label."""
        words = features.words(found, question=question)
        pairs = list(filter(self._pairs.__contains__, features.pairs(found)))
        total = self._sum(words) + sum(map(self._pairs.__getitem__, pairs))
        square, *weights = unpack(total, self._lanes)
        length = math.sqrt(square / LEVEL) or 1.0
        share = self.about.scale / length
        labels, bias = self.about.labels, self.about.bias
        by_label = {label: weight * share + base for label, weight, base in zip(labels, weights, bias, strict=True)}
        return Scores(by_label, words, pairs, length)

    def strongest(self, scores: Scores, label: str, most: int) -> list[tuple[str, float]]:
        """The words and pairs that spoke most for `label` rather than for the others, with how much, in log-odds."""
        strong, share = self._strong[label], self.about.scale / scores.length
        least = LEAST_NAMED / share
        pulls = [(-strong[word], word) for word in scores.words if word in strong]
        pulls += [(-strong[pair], " ".join(pair)) for pair in scores.pairs if pair in strong]
        pulls.sort()
        return [(name, -pull * share) for pull, name in pulls[:most] if -pull >= least]

    def _sum(self, words: set[str]) -> int:
        """What the words weigh together. Those that are met for the first time are worked out and remembered."""
        try:
            return sum(map(self._words.__getitem__, words))
        except KeyError:
            self._remember(words)
            return sum(map(self._words.__getitem__, words))

    def _remember(self, words: set[str]) -> None:
        unknown = words.difference(self._words)
        if len(self._words) + len(unknown) > MOST_WORDS:
            self._words = {}
            self._strong = {label: dict(pairs) for label, pairs in self._strong_pairs.items()}
            unknown = words
        for word in unknown:
            rows = map(self._row.__getitem__, features.buckets(word))
            self._words[word] = packed = sum(map(self._rows.__getitem__, rows))
            if not word.startswith(features.LENGTH):
                self._note(word, packed, self._strong)

    def _note(self, unit: Unit, packed: int, strong: dict[str, dict[Unit, int]]) -> None:
        """Note a word or pair under each label for which it speaks strongly enough to be named."""
        _square, *weights = unpack(packed, self._lanes)
        mean = sum(weights) // len(weights)
        for label, weight in zip(self.about.labels, weights, strict=True):
            if weight - mean > self._least:
                strong[label][unit] = weight - mean


def _rows(table: Table) -> list[int]:
    """Squared weight and weights of each feature, packed."""
    levels, weights, count = _numbers("H", table.levels), _numbers("h", table.weights), len(table.about.labels)
    return [pack((level, *weights[at * count : (at + 1) * count])) for at, level in enumerate(levels)]


def softmax(scores: Sequence[float]) -> list[float]:
    """Log-odds as probabilities that add up to 1."""
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def numbers_as_octets(kind: str, numbers: Iterable[int]) -> bytes:
    """Numbers of an `array` type, little-endian whatever the machine."""
    stored = array(kind, numbers)
    if sys.byteorder == "big":
        stored.byteswap()
    return stored.tobytes()


def _numbers(kind: str, octets: bytes) -> array[int]:
    """The way back. Raises `ValueError` where octets are left over."""
    numbers = array(kind)
    numbers.frombytes(octets)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
