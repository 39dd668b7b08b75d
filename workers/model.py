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
from workers.lexicon import KNOWN_TOKENS

FORMAT = 1
LEVEL = 8
"""Steps of a squared weight of a feature: 8 stands for 1."""


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
    words: frozenset[str] | set[str]
    pairs: list[features.Pair]
    length: float


class Model:
    """A model, ready to score. Threads may share one."""

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
        self._pulls: dict[str | features.Pair, array[int]] = {}

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
        known = self._remember(words)
        total = sum(map(known.__getitem__, words)) + sum(map(self._pairs.__getitem__, pairs))
        square, *weights = unpack(total, self._lanes)
        length = math.sqrt(square / LEVEL) or 1.0
        share = self.about.scale / length
        labels, bias = self.about.labels, self.about.bias
        by_label = {
            label: weight * share + base for label, weight, base in zip(labels, weights, bias, strict=True)
        }
        return Scores(by_label, words, pairs, length)

    def strongest(self, scores: Scores, label: str, most: int) -> list[tuple[str, float]]:
        """The words and pairs that spoke most for `label` rather than for the others, with how much, in log-odds."""
        lane, share = self.about.labels.index(label), self.about.scale / scores.length
        least = 0.1 / share
        pulls = [(self._pull(unit)[lane], unit) for unit in (*scores.words, *scores.pairs)]
        strong = sorted((-pull, _name(unit)) for pull, unit in pulls if pull > least)
        return [(name, -pull * share) for pull, name in strong[:most] if name]

    def _remember(self, words: set[str]) -> dict[str, int]:
        """What each word weighs, those of earlier texts remembered."""
        if len(self._words) > KNOWN_TOKENS:
            self._words, self._pulls = {}, {}
        known = self._words
        for word in words.difference(known):
            rows = map(self._row.__getitem__, features.buckets(word))
            known[word] = sum(map(self._rows.__getitem__, rows))
        return known

    def _pull(self, unit: str | features.Pair) -> array[int]:
        """By how much a word or pair speaks for each label more than for the mean of them."""
        pull = self._pulls.get(unit)
        if pull is None:
            packed = self._pairs[unit] if isinstance(unit, tuple) else self._remember({unit})[unit]
            _square, *weights = unpack(packed, self._lanes)
            mean = sum(weights) // len(weights)
            pull = self._pulls[unit] = array("q", [weight - mean for weight in weights])
        return pull


def _name(unit: str | features.Pair) -> str:
    """A word or pair as people read it; '' for the length of the text, which is no word."""
    if isinstance(unit, tuple):
        return " ".join(unit)
    return "" if unit.startswith(features.LENGTH) else unit


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
