"""Messages that somebody labelled: read from files, and turned into what is learnt from.

Enters: CSV or JSON lines, with the columns `text` and `label` (or `category`), and, as far as there are, `subject`,
`language` and `priority`. Leaves: `Labelled`. Fails: `ExamplesError`, which names the file and the line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from models.envelope import Address, InboundMessage
from workers.learn import Example
from workers.lexicon import STOP, fold, tokens

MOST_CHARACTERS = 1000
"""How much of subject and text is learnt from; triage reads no more by default."""


class ExamplesError(ValueError):
    """A file of labelled messages that cannot be read, with file and line."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and what a person says it is."""

    text: str
    label: str
    subject: str = ""
    language: str = ""
    priority: str = ""

    def example(self) -> Example:
        """As it is learnt from: the words in the order in which triage reads them."""
        subject = self.subject[:MOST_CHARACTERS]
        body = self.text[: MOST_CHARACTERS - len(subject)]
        found = [*tokens(fold(subject)), STOP, *tokens(fold(body))]
        return Example(found, "?" in subject or "?" in body, self.label)

    def message(self) -> InboundMessage:
        """As it would come in."""
        return InboundMessage(sender=Address(""), subject=self.subject, text=self.text, reply_text=self.text)


def read(path: Path) -> list[Labelled]:
    """The labelled messages of a file, by its ending: .csv, or else JSON lines. Raises `ExamplesError`."""
    try:
        lines = _csv(path) if path.suffix == ".csv" else _json_lines(path)
        return [_labelled(row, f"{path}:{number}") for number, row in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExamplesError(f"{path}: {error}") from error


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        for row in table:
            yield table.line_num, row


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, msgspec.json.decode(line, type=dict[str, object])
        except msgspec.MsgspecError as error:
            raise ExamplesError(f"{path}:{number}: {error}") from error


def _labelled(row: Mapping[str, object], place: str) -> Labelled:
    values = {name: str(row.get(name) or "") for name in ("text", "subject", "language", "priority")}
    label = str(row.get("label") or row.get("category") or "")
    if not (label or values["priority"]) or not (values["text"] or values["subject"]):
        raise ExamplesError(f"{place}: a text and a label are wanted, or a text and a priority")
    return Labelled(label=label, **values)
