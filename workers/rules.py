"""The rules of triage: `triage.toml`, read and checked once at start.

In: the text of such a file, and a learnt model. Out: `Rules`. Fails: `RulesError`, which names the file and the key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from workers.lexicon import Lexicon, Phrase
from workers.model import Model, ModelError

SHIPPED = Path(__file__).parent.parent / "config" / "triage.toml"
SHIPPED_MODEL = SHIPPED.with_suffix(".model")
LEARNT = Path("triage", "model")
"""Where below `var` the model stands that `guichet train` put in force."""
PRIORITIES = ("low", "normal", "high", "urgent")
STANDARD = "standard"
COMMITMENTS = (STANDARD, 2, 4, 6, 8, 24, 48, 72)
OTHER = "other"
"""The category of what no rule speaks for; every triage.toml has it."""


class RulesError(ValueError):
    """A mistake in a triage.toml, with the file and the key."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a part of the priority besides its words."""

    negatable: bool = False
    """Whether "not" in front takes its words back."""
    only_with: tuple[str, ...] = ()
    """The parts of which one must speak as well, if it is to count."""


class _Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: dict[str, str]
    words: dict[str, list[str]] = {}


class _Levels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    urgent: int
    high: int
    low: int


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What weighs in the priority besides the message's own words."""

    tier: dict[str, int] = {}
    """By the contact's tier."""
    channel: dict[str, int] = {}
    earlier: dict[str, int] = {}
    """From so many messages of the same sender in the window of acknowledgements."""
    overdue: int = 0
    """For a contact of whom another ticket is past its commitment, or about to be."""


class _Priority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    levels: _Levels
    negated: int
    parts: dict[str, dict[str, Any]]
    category: dict[str, int] = {}
    context: Context = Context()


class _Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    least: float
    phrase: float
    subject: int
    question: str = OTHER


class _Negation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: frozenset[str]
    reach: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of a triage.toml."""

    characters: int
    languages: list[str]
    confidence: _Confidence
    negation: _Negation
    categories: dict[str, dict[str, Any]]
    priority: _Priority
    commitments: dict[str, int | str]
    perimeter: str = "OUT"
    products: dict[str, list[str]] = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that triage needs to know, ready to use."""

    characters: int
    """How much of subject and new text is read."""
    languages: tuple[str, ...]
    perimeter: str
    model: Model
    """What was learnt about the categories."""
    least: float
    """The probability below which a category is not believed."""
    phrase: float
    """What a phrase's point adds to the log-odds of its category."""
    subject: int
    """What a phrase weighs more in the subject."""
    question: str
    """The category of a question that no words place."""
    negations: frozenset[str]
    reach: int
    categories: tuple[str, ...]
    """In the order in which ties are settled."""
    category_names: dict[str, dict[str, str]]
    """Category to language to the name that people see."""
    levels: _Levels
    negated: int
    parts: dict[str, Part]
    """The parts of the priority."""
    negatable: frozenset[str]
    """Those of which "not" takes the words back."""
    category_urgency: dict[str, int]
    context: Context
    commitments: dict[str, int | None]
    """Priority to hours in which the ticket must be closed; None: the standard."""
    products: tuple[str, ...]
    lexicon: Lexicon

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules and the model in force on this desk. Raises `RulesError`."""
        return cls.load(settings.triage.rules, settings.triage.languages, model_file(settings))

    @classmethod
    def load(
        cls, path: Path | None = None, languages: Sequence[str] = (), model: Path | Model = SHIPPED_MODEL
    ) -> Rules:
        """Read `path`, or the rules that ship. `languages`, where given, overrule the file's. Raises `RulesError`."""
        path = path or SHIPPED
        try:
            return cls.read(path.read_text(encoding="utf-8"), str(path), languages, model)
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError(f"{path}: {error}") from error

    @classmethod
    def read(cls, text: str, name: str, languages: Sequence[str] = (), model: Path | Model = SHIPPED_MODEL) -> Rules:
        """Build rules from the text of a file called `name`. Raises `RulesError`."""
        try:
            table = tomllib.loads(text)
            file = msgspec.convert(table | {"languages": list(languages)} if languages else table, _File)
            categories = dict(_categories(file))
            _check(file, categories)
            parts = dict(_parts(file))
            phrases = [*_category_phrases(categories), *_priority_phrases(file), *_product_phrases(file)]
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, RulesError) as error:
            raise RulesError(f"{name}: {error}") from error
        return cls(
            characters=file.characters,
            languages=tuple(file.languages),
            perimeter=file.perimeter,
            model=model if isinstance(model, Model) else read_model(model),
            least=file.confidence.least,
            phrase=file.confidence.phrase,
            subject=file.confidence.subject,
            question=file.confidence.question,
            negations=file.negation.words,
            reach=file.negation.reach,
            categories=tuple(categories),
            category_names={key: category.name for key, category in categories.items()},
            levels=file.priority.levels,
            negated=file.priority.negated,
            parts=parts,
            negatable=frozenset(key for key, part in parts.items() if part.negatable),
            category_urgency=file.priority.category,
            context=file.priority.context,
            commitments={key: hours if isinstance(hours, int) else None for key, hours in file.commitments.items()},
            products=tuple(file.products),
            lexicon=Lexicon(phrases),
        )


def model_file(settings: Settings) -> Path:
    """The model in force: the one that the settings name, the one that was learnt here, or the one that ships."""
    learnt = settings.var / LEARNT
    return settings.triage.model or (learnt if learnt.exists() else SHIPPED_MODEL)


def read_model(path: Path) -> Model:
    """The model at `path`. Raises `RulesError`."""
    try:
        return _model(path, path.stat().st_mtime_ns)
    except (OSError, ModelError) as error:
        raise RulesError(f"{path}: {error}" if isinstance(error, OSError) else str(error)) from error


@cache
def _model(path: Path, _changed: int) -> Model:
    return Model.read(path.read_bytes(), str(path))


def _categories(file: _File) -> Iterator[tuple[str, _Category]]:
    for key, table in file.categories.items():
        try:
            yield key, msgspec.convert(table, _Category)
        except msgspec.ValidationError as error:
            raise RulesError(f"categories.{key}: {error}") from error


def _check(file: _File, categories: Mapping[str, _Category]) -> None:
    """What the shape alone does not say."""
    if OTHER not in categories:
        raise RulesError(f"categories: {OTHER!r} is missing")
    _check_numbers(file)
    if not file.languages:
        raise RulesError("languages: at least one is needed")
    for key, category in categories.items():
        missing = set(file.languages) - set(category.name)
        if missing:
            raise RulesError(f"categories.{key}.name: no name in {', '.join(sorted(missing))}")
    if set(file.commitments) != set(PRIORITIES):
        raise RulesError(f"commitments: exactly {', '.join(PRIORITIES)} are wanted")
    for priority, commitment in file.commitments.items():
        if commitment not in COMMITMENTS:
            raise RulesError(f"commitments.{priority}: {commitment!r} is none of {', '.join(map(str, COMMITMENTS))}")
    for where, named in (
        ("priority.category", file.priority.category),
        ("confidence.question", [file.confidence.question]),
    ):
        unknown = set(named) - set(categories)
        if unknown:
            raise RulesError(f"{where}: unknown {', '.join(sorted(unknown))}")


def _check_numbers(file: _File) -> None:
    if not 0 < file.confidence.least < 1:
        raise RulesError("confidence.least: a probability between 0 and 1 is wanted")
    if not all(number.isdigit() for number in file.priority.context.earlier):
        raise RulesError("priority.context.earlier: numbers of messages are wanted before the weights")


def _category_phrases(categories: Mapping[str, _Category]) -> Iterator[Phrase]:
    for key, category in categories.items():
        yield from _phrases(category.words, group="category", key=key, where=f"categories.{key}.words")


def _parts(file: _File) -> Iterator[tuple[str, Part]]:
    for key, table in file.priority.parts.items():
        try:
            part = msgspec.convert({name: table[name] for name in table if not _is_weight(name)}, Part)
        except msgspec.ValidationError as error:
            raise RulesError(f"priority.parts.{key}: {error}") from error
        unknown = set(part.only_with) - set(file.priority.parts)
        if unknown:
            raise RulesError(f"priority.parts.{key}.only_with: unknown {', '.join(sorted(unknown))}")
        yield key, part


def _priority_phrases(file: _File) -> Iterator[Phrase]:
    for key, table in file.priority.parts.items():
        where = f"priority.parts.{key}"
        try:
            words = msgspec.convert({name: table[name] for name in table if _is_weight(name)}, dict[str, list[str]])
        except msgspec.ValidationError as error:
            raise RulesError(f"{where}: {error}") from error
        yield from _phrases(words, group="priority", key=key, where=where)


def _is_weight(name: str) -> bool:
    return name.removeprefix("-").isdigit()


def _product_phrases(file: _File) -> Iterator[Phrase]:
    for product, texts in file.products.items():
        yield from _phrases({"1": texts}, group="product", key=product, where=f'products."{product}"')


def _phrases(table: Mapping[str, list[str]], *, group: str, key: str, where: str) -> Iterator[Phrase]:
    """The phrases of a table of weights. Raises `RulesError` naming the phrase's place."""
    for weight, texts in table.items():
        try:
            weighing = int(weight)
        except ValueError as error:
            raise RulesError(f"{where}.{weight}: a weight is a whole number") from error
        for at, text in enumerate(texts):
            try:
                yield Phrase.parse(text, group=group, key=key, weight=weighing)
            except ValueError as error:
                raise RulesError(f"{where}.{weight}[{at}]: {error}") from error
