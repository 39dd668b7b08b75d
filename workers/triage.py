"""What a message is about, how pressing it is, and in which language: decided offline, and explained. Pure.

In: an `InboundMessage`, the `Rules` of a triage.toml with their model, and what is known of the sender. Out: a
`Triage`, whose `why` has one sentence a decision, naming the words that weighed. Nothing fails: a message that says
nothing is "other", normal, in the default language.

The same message and rules give the same answer, always, in a time that grows with the length of the text alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import msgspec

from models.envelope import InboundMessage
from workers.category import NAMED, Category, categorise
from workers.language import Detector
from workers.lexicon import STOP, Phrase, fold, tokens
from workers.rules import PRIORITIES, Rules

__all__ = ["Rules", "Sender", "Triage", "triage"]


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who wrote, and how, before a word is read."""

    tier: str = ""
    channel: str = ""
    earlier: int = 0
    """Their messages in the window of acknowledgements, this one not counted."""
    overdue: bool = False
    """Whether another ticket of theirs is past its commitment, or about to be."""


NOBODY = Sender()
PRESSING = 4
"""Words of this weight are pressing: then no category makes the matter less so."""


class Triage(msgspec.Struct, frozen=True, kw_only=True):
    """What triage decided."""

    language: str
    """ISO 639-1, one of the rules' languages."""
    category: str
    priority: str
    """low, normal, high or urgent."""
    product: str
    """'' where none was named."""
    commitment: int | None
    """Hours in which the ticket must be closed; None: the standard."""
    perimeter: str = "OUT"
    sure: bool = True
    """False where no category was believed, and "other" or that of questions stands in."""
    why: tuple[str, ...] = ()
    found: Sequence[str] = ()
    """The tokens of what was read, for who looks at them next."""


class Text(msgspec.Struct, frozen=True):
    """A message as triage reads it: subject and new words, cut, folded, in tokens."""

    original: str
    found: list[str]
    subject: int
    """How many of `found` are the subject's."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A phrase that stands in the text."""

    phrase: Phrase
    weight: int
    """The phrase's own, and what its place adds."""
    negated: bool

    def __str__(self) -> str:
        return f"{'not ' if self.negated else ''}'{self.phrase.text}' ({self.weight:+d})"


def triage(message: InboundMessage, rules: Rules, sender: Sender = NOBODY) -> Triage:
    """Sort `message` of `sender` by `rules`."""
    text = read(message, rules)
    hits = _hits(text, rules)
    language, why_language = _language(message, text, rules)
    category = _category(message, text, hits, rules)
    priority, why_priority = _priority(message, hits, category.name if category.sure else "", sender, rules)
    product, why_product = _product(message, hits, rules)
    return Triage(
        language=language,
        category=category.name,
        priority=priority,
        product=product,
        commitment=rules.commitments[priority],
        perimeter=message.fields.get("perimeter", rules.perimeter),
        sure=category.sure,
        why=tuple(filter(None, (why_language, category.why, why_priority, why_product))),
        found=text.found,
    )


def category_of(message: InboundMessage, rules: Rules) -> Category:
    """The category alone, with how probable it is."""
    text = read(message, rules)
    return _category(message, text, _hits(text, rules), rules)


def read(message: InboundMessage, rules: Rules) -> Text:
    """Subject and new words of `message`, as far as the rules read; all its words where it has no new ones."""
    subject = message.subject[: rules.characters]
    body = (message.reply_text.strip() or message.text)[: rules.characters - len(subject)]
    heading = tokens(fold(subject))
    return Text(f"{subject}\n\n{body}", [*heading, STOP, *tokens(fold(body))], len(heading))


def _hits(text: Text, rules: Rules) -> list[Hit]:
    """Every phrase once: where it weighs most, and not taken back where it stands once without a negation."""
    best: dict[Phrase, Hit] = {}
    for phrase, at in rules.lexicon.scan(text.found):
        known = best.get(phrase)
        if phrase.key in rules.negatable and _taken_back(text.found, at, rules):
            if known is None:
                best[phrase] = Hit(phrase, rules.negated, negated=True)
        elif known is None or known.negated:
            emphasis = rules.subject if at < text.subject and phrase.group == "category" else 0
            best[phrase] = Hit(phrase, phrase.weight + emphasis, negated=False)
    return list(best.values())


def _taken_back(found: Sequence[str], at: int, rules: Rules) -> bool:
    """Whether a negation stands shortly before position `at`, in the same clause."""
    for token in reversed(found[max(0, at - rules.reach) : at]):
        if token == STOP:
            return False
        if token in rules.negations:
            return True
    return False


def _language(message: InboundMessage, text: Text, rules: Rules) -> tuple[str, str]:
    if message.language in rules.languages:
        return message.language, f"language {message.language}: the channel says so"
    language = _detector(rules.languages).detect(text.original, text.found)
    if language:
        return language, f"language {language}: its words and letters"
    return rules.languages[0], f"language {rules.languages[0]}: the default, too few words to tell"


@lru_cache(maxsize=8)
def _detector(languages: tuple[str, ...]) -> Detector:
    return Detector(languages)


def _category(message: InboundMessage, text: Text, hits: Sequence[Hit], rules: Rules) -> Category:
    given = message.fields.get("category", "")
    if given in rules.categories:
        return Category(given, True, f"category {given}: chosen by the sender")
    weights: dict[str, list[int]] = {}
    for hit in hits:
        if hit.phrase.group == "category":
            weights.setdefault(hit.phrase.key, []).append(hit.weight)
    points = {name: _sum(found) for name, found in weights.items()}
    named = partial(_named, hits, "category")
    return categorise(text.found, points, rules, question="?" in text.original, phrases=named)


def _sum(weights: Sequence[int]) -> float:
    """The strongest in full, the others by half: what somebody wants outweighs the things that they mention."""
    return (max(weights, default=0) + sum(weights)) / 2


def _priority(
    message: InboundMessage, hits: Sequence[Hit], category: str, sender: Sender, rules: Rules
) -> tuple[str, str]:
    """The priority and why. `category` is '' where it is not believed."""
    given = message.fields.get("priority", "")
    if given in PRIORITIES:
        return given, f"priority {given}: chosen by the sender"
    parts = {part: (hit.weight, str(hit)) for part, hit in _parts(hits, rules).items()}
    pressing = max((weight for weight, _hit in parts.values()), default=0) >= PRESSING
    for part, weight, reason in _circumstances(category, sender, rules):
        if weight < 0 and pressing:
            continue
        if weight and weight > parts.get(part, (-99, ""))[0]:
            parts[part] = weight, f"{reason} ({weight:+d})"
    priority = _level(sum(weight for weight, _reason in parts.values()), rules)
    reasons = ", ".join(f"{part} {reason}" for part, (_weight, reason) in parts.items())
    return priority, f"priority {priority}: {reasons or 'nothing out of the ordinary'}"


def _circumstances(category: str, sender: Sender, rules: Rules) -> Iterator[tuple[str, int, str]]:
    """What weighs besides the words: part, weight, reason."""
    context = rules.context
    yield "category", rules.category_urgency.get(category, 0), category
    yield "tier", context.tier.get(sender.tier, 0), sender.tier
    yield "channel", context.channel.get(sender.channel, 0), sender.channel
    times = [weight for number, weight in context.earlier.items() if sender.earlier >= int(number)]
    yield "repeated", max(times, default=0), f"{sender.earlier} messages just before"
    yield "commitment", context.overdue if sender.overdue else 0, "another ticket is past its time"


def _parts(hits: Sequence[Hit], rules: Rules) -> dict[str, Hit]:
    """The strongest phrase of each part of the priority. One that is not taken back is stronger than one that is."""
    parts: dict[str, Hit] = {}
    for hit in hits:
        if hit.phrase.group != "priority":
            continue
        known = parts.get(hit.phrase.key)
        if known is None or (known.negated, -abs(known.weight)) > (hit.negated, -abs(hit.weight)):
            parts[hit.phrase.key] = hit
    wanted = {part: rules.parts[part].only_with for part in parts}
    return {part: hit for part, hit in parts.items() if not wanted[part] or not parts.keys().isdisjoint(wanted[part])}


def _level(score: int, rules: Rules) -> str:
    if score >= rules.levels.urgent:
        return "urgent"
    if score >= rules.levels.high:
        return "high"
    return "low" if score <= rules.levels.low else "normal"


def _product(message: InboundMessage, hits: Sequence[Hit], rules: Rules) -> tuple[str, str]:
    given = message.fields.get("product", "")
    if given in rules.products:
        return given, f"product {given}: chosen by the sender"
    for product in rules.products:
        named = _named(hits, "product", product)
        if named:
            return product, f"product {product}: {named}"
    return "", ""


def _named(hits: Sequence[Hit], group: str, key: str) -> str:
    """The phrases that weighed most for `key`, in words."""
    chosen = [hit for hit in hits if hit.phrase.group == group and hit.phrase.key == key]
    return ", ".join(map(str, sorted(chosen, key=lambda hit: -hit.weight)[:NAMED]))
