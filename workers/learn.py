"""Learn a model from labelled texts: multinomial logistic regression, in whole numbers, without a library. Pure.

In: texts as tokens, each with its label. Out: a `workers.model.Table`. Fails: `ValueError` where there are fewer than
two labels. The same texts in the same order give the same table.

Stochastic gradient descent (Bottou 2010) with a rate that falls to zero, so that the number of passes is all the
regularisation. Features weigh by how rare they are (inverse document frequency) and texts are brought to length 1, as
with TF-IDF. Weights are fixed-point numbers packed side by side (`workers.lanes`): one addition moves those of all
labels, and ten thousand texts with 77 labels take ten seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec

from workers import features
from workers.lanes import pack, unpack
from workers.lexicon import STOP
from workers.model import FORMAT, LEVEL, About, Table, numbers_as_octets, softmax

PASSES, RATE, SEED = 8, 3.0, 1
BIAS_RATE = 0.02
"""The bias learns so much more slowly than the weights: a text says more than how frequent a label is."""
ONE = 1 << 20
"""The fixed-point number 1 while learning."""
LEAST_PAIRS = 2
"""A pair that stands in fewer texts is left out."""
KEPT_PAIRS = 0.5
"""Of the pairs the share that is kept: those that tell labels apart best. The others cost time and decide nothing."""
SETTINGS = f"passes {PASSES}, rate {RATE}, seed {SEED}, {KEPT_PAIRS:.0%} of the pairs of {LEAST_PAIRS} texts or more"
FEATURES = (
    f"folded words, groups of {features.SIZES[0]}-{features.SIZES[-1]} letters in {features.BUCKETS} buckets, pairs, "
    "a mark for a question and for length"
)

Feature = int | features.Pair


class Example(msgspec.Struct, frozen=True):
    """A text that a person labelled."""

    found: Sequence[str]
    question: bool
    label: str


class _Text(msgspec.Struct, frozen=True):
    """An example as the trainer sees it."""

    features: list[int]
    """Places in the vocabulary; one that two words share stands there twice, and weighs twice."""
    length: float
    label: int


class Learner:
    """Weights in the making."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.labels = tuple(sorted({example.label for example in examples}))
        if len(self.labels) < 2:
            raise ValueError("at least two labels are needed to tell apart")
        read = [_features(example) for example in examples]
        counts = Counter(feature for found in read for feature in set(found))
        self.vocabulary = _vocabulary(counts)
        self.levels = [_level(counts[feature], len(examples)) for feature in self.vocabulary]
        place = {feature: at for at, feature in enumerate(self.vocabulary)}
        number = {label: at for at, label in enumerate(self.labels)}
        self.texts = [
            self._text([place[feature] for feature in found if feature in place], number[example.label])
            for found, example in zip(read, examples, strict=True)
        ]
        self.weights = [0] * len(self.vocabulary)
        self.bias = [0.0] * len(self.labels)

    def _text(self, found: list[int], label: int) -> _Text:
        return _Text(found, math.sqrt(sum(map(self.levels.__getitem__, found)) / LEVEL) or 1.0, label)

    def train(self) -> None:
        """All passes over all texts, each in another order."""
        random, steps, step = Random(SEED), PASSES * len(self.texts), 0  # noqa: S311 - an order, not a secret
        order = list(range(len(self.texts)))
        for _ in range(PASSES):
            random.shuffle(order)
            for at in order:
                self._step(self.texts[at], RATE * (1 - step / steps))
                step += 1

    def _step(self, text: _Text, rate: float) -> None:
        """Move the weights of one text's features towards its label."""
        total = unpack(sum(map(self.weights.__getitem__, text.features)), len(self.labels))
        share = 1 / (ONE * text.length)
        errors = softmax([score * share + base for score, base in zip(total, self.bias, strict=True)])
        errors[text.label] -= 1
        self.bias = [base - rate * BIAS_RATE * error for base, error in zip(self.bias, errors, strict=True)]
        pace = -rate * ONE / (text.length * LEVEL)
        move = pack([round(error * pace) for error in errors])
        weights, levels = self.weights, self.levels
        for feature in text.features:
            weights[feature] += move * levels[feature]

    def prune(self) -> None:
        """Drop the pairs that hardly tell labels apart."""
        first = bisect_left(self.vocabulary, True, key=_is_pair)
        strength = {at: _spread(unpack(self.weights[at], len(self.labels))) for at in range(first, len(self.weights))}
        kept = sorted(strength, key=lambda at: (-strength[at], at))[: round(len(strength) * KEPT_PAIRS)]
        places = [*range(first), *sorted(kept)]
        self.vocabulary = [self.vocabulary[at] for at in places]
        self.levels = [self.levels[at] for at in places]
        self.weights = [self.weights[at] for at in places]

    def table(self, *, trained_on: str, least: Sequence[float], accuracy: float) -> Table:
        """The weights as they are stored, rounded to 16 bits."""
        rows = [unpack(weight, len(self.labels)) for weight in self.weights]
        largest = max((abs(number) for row in rows for number in row), default=0) or 1
        about = About(
            format=FORMAT,
            labels=self.labels,
            trained_on=trained_on,
            texts=len(self.texts),
            features=FEATURES,
            settings=SETTINGS,
            bias=tuple(round(base, 6) for base in self.bias),
            scale=largest / 32767 / ONE,
            least=tuple(least),
            accuracy=accuracy,
        )
        return Table(
            about=about,
            buckets=numbers_as_octets("I", (feature for feature in self.vocabulary if isinstance(feature, int))),
            levels=numbers_as_octets("H", self.levels),
            weights=numbers_as_octets("h", (round(number * 32767 / largest) for row in rows for number in row)),
            pairs=tuple(feature for feature in self.vocabulary if isinstance(feature, tuple)),
        )


def learn(
    examples: Sequence[Example], *, trained_on: str = "", least: Sequence[float] = (), accuracy: float = 0.0
) -> Table:
    """The model of `examples`. Raises `ValueError` for fewer than two labels."""
    learner = Learner(examples)
    learner.train()
    learner.prune()
    return learner.table(trained_on=trained_on, least=least or [0.0] * len(learner.labels), accuracy=round(accuracy, 4))


def _features(example: Example) -> list[Feature]:
    """Each feature of a text, as often as it weighs."""
    words = features.words(example.found, question=example.question)
    pairs = (pair for pair in features.pairs(example.found) if pair[1] != STOP)
    return [*(bucket for word in words for bucket in features.buckets(word)), *pairs]


def _vocabulary(counts: Counter[Feature]) -> list[Feature]:
    """Buckets in ascending order, then pairs."""
    kept: list[Feature] = sorted(feature for feature in counts if isinstance(feature, int))
    kept += sorted(feature for feature, count in counts.items() if isinstance(feature, tuple) and count >= LEAST_PAIRS)
    return kept


def _is_pair(feature: Feature) -> bool:
    return isinstance(feature, tuple)


def _spread(weights: Sequence[int]) -> int:
    """How far the weight that stands out most is from the mean."""
    mean = sum(weights) // len(weights)
    return max(abs(weight - mean) for weight in weights)


def _level(count: int, texts: int) -> int:
    """The squared weight of a feature that stands in `count` of `texts`: the rarer, the more it says."""
    return round(LEVEL * (math.log((1 + texts) / (1 + count)) + 1) ** 2)
