"""Which category a text is of, how sure that is, and why: a learnt model and phrases, added up. Pure.

In: a text's tokens, the points of the phrases that stand in it, and the `Rules`. Out: a `Category`. Nothing fails.

The model gives each category log-odds; a phrase of triage.toml adds to them what its points are worth. So a phrase that
an administrator writes counts from the next start on, beside whatever was learnt, and a category of theirs that no
model knows lives by its phrases. What is not probable enough is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from workers.model import Model, Scores, softmax
from workers.rules import OTHER, Rules

NAMED = 4
"""How many phrases, and how many learnt words, a sentence of why names at most."""


class Category(msgspec.Struct, frozen=True):
    """What was decided."""

    name: str
    sure: bool
    why: str
    likeliest: str = ""
    """The category of the highest probability, believed or not."""
    chance: float = 1.0
    """Its probability."""


def categorise(
    found: Sequence[str],
    points: Mapping[str, float],
    rules: Rules,
    *,
    question: bool,
    phrases: Callable[[str], str],
) -> Category:
    """Decide. `points` holds the sum of each category that has phrases in the text; `phrases` names those of one."""
    scores = rules.model.score(found, question=question)
    odds = _odds(scores, points, rules)
    chances = softmax(odds)
    best = chances.index(max(chances))
    name, chance = rules.categories[best], chances[best]
    spoken = len(scores.words) > 1 + question
    if spoken and chance >= max(rules.least, least_of(rules.model, name)):
        because = _because(scores, name, rules.model, phrases)
        return Category(name, True, f"category {name} ({chance:.0%}): {because}", name, chance)
    if question and spoken and rules.question != OTHER:
        why = f"category {rules.question}, unsure: a question, and no clear words"
        return Category(rules.question, False, why, name, chance)
    doubt = f"{name} is the likeliest, with {chance:.0%} only" if spoken else "it holds no words"
    return Category(OTHER, False, f"category {OTHER}, unsure: {doubt}", name, chance)


def least_of(model: Model, name: str) -> float:
    """The probability below which the model says that `name` is not to be believed."""
    labels = model.about.labels
    return model.about.least[labels.index(name)] if name in labels else 0.0


def _odds(scores: Scores, points: Mapping[str, float], rules: Rules) -> list[float]:
    """Log-odds of each category, in the rules' order. One that the model does not know begins in the middle."""
    known = [scores.by_label[name] for name in rules.categories if name in scores.by_label]
    middle = sum(known) / len(known) if known else 0.0
    worth = rules.phrase
    return [scores.by_label.get(name, middle) + worth * points.get(name, 0.0) for name in rules.categories]


def _because(scores: Scores, name: str, model: Model, phrases: Callable[[str], str]) -> str:
    """The phrases and the learnt words that weighed most."""
    learnt = model.strongest(scores, name, NAMED) if name in scores.by_label else []
    words = ", ".join(f"'{word}' ({pull:+.1f})" for word, pull in learnt)
    parts = (phrases(name), f"learnt {words}" if words else "")
    return "; ".join(filter(None, parts)) or "no single word"
