"""Commands in an answer's first or last lines (requirement A4), French and English. Pure; nothing fails.

Enters: the new words of an agent's answer. Leaves: what is for the customer, and what is to be done, in order; or
mistakes, and then nothing may be done at all. A command stands at the beginning of a line, `#` and a letter with
nothing between, in the lines before the first or behind the last word for the customer. Case and accents do not count,
and several commands may share a line.

What looks like a command amid the words is a mistake as well where it is one of ours: a customer must not read it.
`#123` is no command but a ticket's number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST = 20
"""Commands in one answer; more are a mistake."""

STATUSES = {
    "open": "ouvrir ouvert rouvrir open reopen",
    "in_progress": "encours progress inprogress",
    "waiting": "attente enattente waiting wait",
    "resolved": "resolu resolue resoudre resolved resolve solved",
    "closed": "clos close cloturer cloture fermer ferme closed",
}
"""Status → the commands that set it."""
NAMES = {
    "note": "note interne internal",
    "priority": "priorite priority prio",
    "assign": "affecter affecte assigner assign",
    "take": "prendre take",
    "team": "equipe team",
    "category": "categorie category",
    "product": "produit product",
    "commitment": "engagement commitment",
    "level": "niveau level",
    "tag": "etiquette etiquettes tag tags",
    "untag": "desetiqueter untag",
    "merge": "fusionner fusion merge",
    "customer": "client customer",
    "help": "aide help commandes commands",
}
"""Action → the commands that ask for it."""
PRIORITIES = {
    "low": "basse bas low",
    "normal": "normale normal",
    "high": "haute haut high elevee",
    "urgent": "urgente urgent",
}
STANDARD = ("standard", "aucun", "none")
COMMITMENTS = ("2", "4", "6", "8", "24", "48", "72")
ALONE = ("take", "customer", "help", *STATUSES)
"""Actions that take no value."""
_ACTIONS = {
    word: action for table in (STATUSES, NAMES) for action, spellings in table.items() for word in spellings.split()
}
_PRIORITY = {word: value for value, spellings in PRIORITIES.items() for word in spellings.split()}
_START = re.compile(r"\s*#(?=[^\W\d_])")
_COMMAND = re.compile(r"#([^\W\d_][\w-]*)[ \t:]*((?:[^#]|#(?=\d))*)")
_NOTE = re.compile(r"\s*#([^\W\d_]+)[ \t:]*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to be done."""

    action: str
    """status, or one of `NAMES`."""
    value: str = ""
    said: str = ""
    """As it was written."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why nothing may be done."""

    code: str
    """unknown, value, missing, twice, amid or many: the key of its text."""
    said: str


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, understood."""

    words: str
    """What is left for the customer; of a note, what it says."""
    orders: tuple[Order, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    def has(self, action: str) -> bool:
        """Whether that is among what is to be done."""
        return any(order.action == action for order in self.orders)


def understand(text: str) -> Said:
    """Tell commands from words."""
    lines = text.strip().split("\n")
    first, last = 0, len(lines)
    while first < last and _is_command(lines[first]):
        first += 1
    while last > first and _is_command(lines[last - 1]):
        last -= 1
    orders: list[Order] = []
    mistakes: list[Mistake] = []
    noted: list[str] = []
    for line in (*lines[:first], *lines[last:]):
        _read(line, orders, mistakes, noted)
    between = lines[first:last]
    mistakes += [Mistake("amid", line.strip()[:80]) for line in between if _known(line)]
    mistakes += _contradictions(orders)
    if len(orders) > MOST:
        mistakes.append(Mistake("many", str(len(orders))))
    words = "\n".join([*noted, *between]).strip()
    return Said(words, tuple(orders), tuple(dict.fromkeys(mistakes)))


def fold(word: str) -> str:
    """A word without case, accents and hyphens."""
    bare = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in bare if not unicodedata.combining(letter) and letter not in "-_")


def _is_command(line: str) -> bool:
    """Blank lines around commands belong to them."""
    return not line.strip() or _START.match(line) is not None


def _known(line: str) -> bool:
    found = _NOTE.match(line)
    return found is not None and fold(found[1]) in _ACTIONS


def _read(line: str, orders: list[Order], mistakes: list[Mistake], noted: list[str]) -> None:
    """The commands of one line. What stands behind #note is the note, whatever it holds."""
    found = _NOTE.match(line)
    if found is None:
        return
    if _ACTIONS.get(fold(found[1])) == "note":
        orders.append(Order("note", said=f"#{found[1]}"))
        noted.extend(filter(None, [found[2].strip()]))
        return
    for name, given in _COMMAND.findall(line):
        order = _order(name, given.strip())
        (orders if isinstance(order, Order) else mistakes).append(order)  # type: ignore[arg-type]


def _order(name: str, given: str) -> Order | Mistake:
    said = f"#{name} {given}".strip()
    action = _ACTIONS.get(fold(name))
    if action is None:
        return Mistake("unknown", f"#{name}")
    if action in ALONE:
        if given:
            return Mistake("value", said)
        return Order("status", action, said) if action in STATUSES else Order(action, said=said)
    if not given:
        return Mistake("missing", said)
    value = _value(action, given)
    return Order(action, value, said) if value else Mistake("value", said)


def _value(action: str, given: str) -> str:
    """The value as the ticket has it, or as it was given where only the database can tell; '' where it is none."""
    word = fold(given)
    if action == "priority":
        return _PRIORITY.get(word, "")
    if action == "commitment":
        hours = re.sub(r"\s*h(?:eures?|ours?)?$", "", word)
        return "standard" if word in STANDARD else hours if hours in COMMITMENTS else ""
    if action == "level":
        return word if word in ("1", "2", "3") else ""
    if action == "merge":
        number = word.removeprefix("#")
        return number if number.isdecimal() and number.isascii() and len(number) <= 12 else ""
    return given[:200]


def _contradictions(orders: list[Order]) -> list[Mistake]:
    """Two values for one thing."""
    seen: dict[str, Order] = {}
    found = []
    for order in orders:
        thing = {"take": "assign"}.get(order.action, order.action)
        before = seen.setdefault(thing, order)
        if before is not order and before != order and thing not in ("tag", "untag", "note", "help"):
            found.append(Mistake("twice", f"{before.said} / {order.said}"))
    return found
