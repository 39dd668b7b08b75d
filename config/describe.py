"""The reference of all settings, docs/settings.md, written from their types and descriptions.

`python -m config.describe` prints it. Pure: enters nothing but `config.settings`; nothing fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.settings import Settings

HEAD = """\
<!-- Written by `.venv/bin/python -m config.describe > docs/settings.md`; a test compares. Do not edit. -->
# Settings

Every setting has a default that works on a fresh machine. Sources, strongest first: the environment, the file
`config/guichet.toml` below the folder in which Guichet runs (or the file that `GUICHET_CONFIG` names), the default.
`guichet check` names file, line and key of every mistake; an unknown key is one.

In the file a section is a table: `port` of `[smtp]` is `GUICHET_SMTP__PORT` in the environment. Lists and tables are
JSON there: `GUICHET_SMTP__RECIPIENTS='["support@example.org"]'`.
"""


def markdown() -> str:
    """The whole reference."""
    return "\n".join([HEAD, *_section("", Settings)]) + "\n"


def _section(path: str, model: type[BaseModel]) -> Iterator[str]:
    """A table of the keys of `model`, then its sections. `path` is its dotted name, '' for the top."""
    if path:
        title = f"[[{path.removesuffix('[]')}]]" if path.endswith("[]") else f"[{path}]"
        yield f"## `{title}`\n\n{' '.join((model.__doc__ or '').split())}\n"
    else:
        yield "## At the top\n"
    yield "| key | environment | values | default | meaning |\n|---|---|---|---|---|"
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        suffix, section = _table(field.annotation)
        if section is not None:
            inner.append((f"{path}.{key}{suffix}" if path else f"{key}{suffix}", section))
        if section is None or suffix or (not field.is_required() and field.default is None):
            yield _line(path, key, field)
    for place, section in inner:
        yield ""
        yield from _section(place, section)


def _table(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """The section that a key opens, and what its name has behind the key; None where it opens none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "", annotation
    for argument in get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return _SUFFIXES.get(get_origin(annotation), ""), argument
    return "", None


_SUFFIXES: dict[Any, str] = {dict: ".NAME", list: "[]"}


def _line(path: str, key: str, field: FieldInfo) -> str:
    cells = (f"`{_name(key, field)}`", _variable(path, key, field), _values(field), _default(field))
    return "| " + " | ".join((*cells, (field.description or "").replace("|", "\\|"))) + " |"


def _name(key: str, field: FieldInfo) -> str:
    """Its name in the file."""
    alias = field.validation_alias
    return str(alias.choices[-1]) if isinstance(alias, AliasChoices) else key


def _variable(path: str, key: str, field: FieldInfo) -> str:
    """Its name in the environment."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return f"`{alias.choices[0]}`"
    if "[]" in path:
        return "in the JSON of its list"
    return f"`GUICHET_{'__'.join([*path.split('.'), key] if path else [key]).upper()}`"


def _values(field: FieldInfo) -> str:
    """What it may hold: its type and its bounds."""
    words = _type(field.annotation)
    for bound in field.metadata:
        for name, sign in _BOUNDS.items():
            if (value := getattr(bound, name, None)) is not None:
                words += f", {sign} {value}"
    return words


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "table of tables" if _table(annotation)[1] else "table"
    if arguments:  # X | None
        return _type(arguments[0])
    return _TYPES.get(annotation, "path")


_BOUNDS = {"gt": ">", "ge": "≥", "le": "≤"}
"""As annotated-types names them."""
_TYPES: dict[Any, str] = {
    str: "text",
    SecretStr: "secret text",
    int: "integer",
    float: "number",
    bool: "`true`, `false`",
}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default in (None, "", SecretStr("")):
        return "empty"
    return f"`{json.dumps(field.default, default=_plain, ensure_ascii=False)}`"


def _plain(value: Any) -> Any:
    """What JSON has no form for."""
    return value.model_dump(exclude_defaults=True) if isinstance(value, BaseModel) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
