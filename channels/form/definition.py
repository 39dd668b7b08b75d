"""What a form asks, read from `forms.toml`.

Enters: the file of definitions. Leaves: one frozen `Definition` a form. `DefinitionError` names the file, the key and
the mistake. What the keys mean stands in the shipped `config/forms.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SHIPPED = Path(__file__).parents[2] / "config" / "forms.toml"
RESERVED = frozenset({"token", "proof", "idempotency_key", "_charset_"})
"""Names that the page itself posts."""

Language = Literal["fr", "en"]
Labels = Annotated[dict[Language, str], Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Role = Literal["", "name", "email", "subject", "message", "category", "priority", "product"]
Mapped = Literal["category", "priority", "product"]
ROLES = frozenset(Role.__args__[1:])  # type: ignore[attr-defined]  # typeshed hides a Literal's arguments
MAPPED: tuple[Mapped, ...] = ("category", "priority", "product")
CLOSED = frozenset({"category", "priority"})
"""Roles whose values a sender may only choose."""


class DefinitionError(ValueError):
    """A definition that cannot serve. The text names file, key and mistake."""


class Option(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value that a sender may choose, and what choosing it says about the ticket."""

    value: Annotated[str, Meta(min_length=1, max_length=200)]
    label: Labels
    category: str = ""
    priority: Literal["", "low", "normal", "high", "urgent"] = ""
    product: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of a form."""

    name: Name
    type: Literal["text", "email", "textarea", "select", "checkbox", "file", "hidden"]
    fills: Role = ""
    required: bool = False
    max_length: Annotated[int, Meta(gt=0, le=100_000)] = 1000
    label: Labels = msgspec.field(default_factory=lambda: {"fr": "", "en": ""})
    hint: dict[Language, str] = {}
    autocomplete: str = "off"
    options: tuple[Option, ...] = ()

    @property
    def role(self) -> Role:
        """What the field says about the ticket; '' for a line below the message."""
        if self.fills:
            return self.fills
        return self.name if self.name in ROLES else ""  # type: ignore[return-value]  # just tested

    def __post_init__(self) -> None:
        """Refuse what no single field's type can tell."""
        if self.type == "select" and not self.options:
            raise ValueError("a select needs options")
        if self.role in CLOSED and not self.options:
            raise ValueError(f"a field that fills {self.role} needs options, or anybody could write anything there")
        if (self.role == "email") != (self.type == "email"):
            raise ValueError("the field that fills email has the type email, and only that one")
        if self.name in RESERVED:
            raise ValueError(f"the name {self.name} is the page's own")

    def option(self, value: str) -> Option | None:
        """The option whose value it is."""
        return next((option for option in self.options if option.value == value), None)


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One form."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    title: Labels
    intro: dict[Language, str] = {}
    account: str = ""
    language: Literal["", "fr", "en"] = ""
    answer_by: str = ""
    answer_from: str = ""
    proof_of_work: Annotated[int, Meta(ge=0, le=24)] = 0
    honeypot: Name = "website"
    origins: tuple[str, ...] = ("*",)
    frames: tuple[str, ...] = ("*",)
    fields: tuple[Question, ...]

    def __post_init__(self) -> None:
        """Refuse a form that could not make a ticket."""
        names = [field.name for field in self.fields]
        roles = [field.role for field in self.fields if field.role]
        if twice := {name for name in names if names.count(name) > 1} | {
            role for role in roles if roles.count(role) > 1
        }:
            raise ValueError(f"defined twice: {', '.join(sorted(twice))}")
        if missing := {"email", "message"} - set(roles):
            raise ValueError(f"no field fills {' or '.join(sorted(missing))}")
        if self.honeypot in names or self.honeypot in RESERVED:
            raise ValueError(f"the honeypot's name {self.honeypot} is taken")

    @property
    def files_as(self) -> str:
        """The account under which its messages are filed."""
        return self.account or self.name

    @property
    def takes_files(self) -> bool:
        """True where a field takes files."""
        return any(field.type == "file" for field in self.fields)

    def filling(self, role: Role) -> Question | None:
        """The field that fills `role`."""
        return next((field for field in self.fields if field.role == role), None)


def in_language(labels: Mapping[Language, str], language: str) -> str:
    """The label in `language`, else in whatever language there is."""
    for key, label in labels.items():
        if key == language:
            return label
    return next(iter(labels.values()), "")


def load(path: Path | None = None) -> dict[str, Definition]:
    """Read the forms of `path`, or those that ship. Raises `DefinitionError`, or `OSError` where there is no file."""
    path = path or SHIPPED
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path}: {error}") from error
    return {name: _read(path, name, table) for name, table in tables.items()}


def _read(path: Path, name: str, table: object) -> Definition:
    """One form of the file."""
    if not isinstance(table, dict):
        raise DefinitionError(f"{path}: {name}: a form is a table, [{name}]")
    try:
        return msgspec.convert({**table, "name": name}, Definition)
    except msgspec.ValidationError as error:
        mistake, _, place = str(error).partition(" - at ")
        if unknown := re.search(r"unknown field `(\w+)`", mistake):
            place = f"{place.strip('`')}.{unknown[1]}"
        raise DefinitionError(f"{path}: {_key(name, place)}: {mistake}") from error


def _key(form: str, place: str) -> str:
    """The dotted key of a mistake, from msgspec's `$.fields[0].name`."""
    return form + re.sub(r"\[(\w+)\]", r".\1", place.strip("`").removeprefix("$"))
