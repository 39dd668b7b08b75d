"""The seed set: labelled messages in French and English from which the shipped model is learnt, `config/seed`.

Enters: `config/seed/LANGUAGE/CATEGORY.txt`, one message a line, its subject before ` :: `. Leaves: `Labelled` messages;
and, run as `python -m workers.seed`, `config/triage.model`, which is always the same from the same files and the same
rules. Fails with `OSError` where the folder cannot be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from workers.examples import Labelled
from workers.learn import learn
from workers.model import Model, Table
from workers.quality import apart, share, thresholds
from workers.rules import SHIPPED_MODEL, Rules

FOLDER = Path(__file__).parent.parent / "config" / "seed"
SUBJECT = " :: "


def seed(folder: Path = FOLDER) -> list[Labelled]:
    """Every message of the seed set, always in the same order."""
    return [
        _labelled(line, path)
        for path in sorted(folder.glob("*/*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def _labelled(line: str, path: Path) -> Labelled:
    subject, mark, text = line.partition(SUBJECT)
    if not mark:
        subject, text = "", line
    return Labelled(text=text, subject=subject, label=path.stem, language=path.parent.name)


def model() -> Table:
    """The model of the seed set, with what cross-validation says of it."""
    messages = seed()
    examples = [message.example() for message in messages]
    first = learn(examples)
    rules = Rules.load(model=Model(first))
    found = list(apart(messages, rules))
    right = share([category.likeliest == message.label for message, category in found]) or 0.0
    about = msgspec.structs.replace(
        first.about,
        trained_on="the seed set of Guichet, config/seed, French and English",
        least=tuple(thresholds(found, first.about.labels)),
        accuracy=round(right, 4),
    )
    return msgspec.structs.replace(first, about=about)


def main() -> None:
    """Write the shipped model anew."""
    octets = msgspec.msgpack.encode(model())
    SHIPPED_MODEL.write_bytes(octets)
    about = Model.read(octets, str(SHIPPED_MODEL)).about
    sys.stdout.write(f"{SHIPPED_MODEL}: {about.texts} texts, {len(octets)} bytes; {about.accuracy:.1%} right apart\n")


if __name__ == "__main__":
    main()
