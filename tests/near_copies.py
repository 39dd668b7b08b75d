"""Edited copies of what a customer wrote, as people make them: sent again by another channel, in a hurry, in part."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

GREETINGS = ("Bonjour,", "Bonsoir à tous,", "Madame, Monsieur,", "Hello,", "Hi there,", "Dear team,", "")
SIGNATURES = (
    "Cordialement,\nClaire Martin\n06 12 34 56 78",
    "Kind regards\nTom Baker, Leeds",
    "Merci d'avance",
    "Envoyé de mon iPhone",
    "Sent from my phone",
    "",
)
AGAIN = (
    "Je vous ai déjà écrit par mail : ",
    "Je me permets de renvoyer mon message. ",
    "I already wrote by e-mail: ",
    "Sending this again as I got no answer. ",
)


def letter(text: str, random: Random) -> str:
    """`text` with a greeting and a signature."""
    return f"{random.choice(GREETINGS)}\n\n{text}\n\n{random.choice(SIGNATURES)}"


def mistyped(text: str, random: Random) -> str:
    """About every twelfth word with a letter doubled, left out or swapped."""
    return " ".join(_slip(word, random) if random.random() < 1 / 12 else word for word in text.split(" "))


def _slip(word: str, random: Random) -> str:
    if len(word) < 5:
        return word
    at = random.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return random.choice((word[:at] + word[at:][:1] + word[at:], word[:at] + word[at + 1 :], swapped))


def bare(text: str, _random: Random) -> str:
    """As it is typed on a phone: no capitals, no accents, little punctuation."""
    from workers.lexicon import fold

    return fold(text).replace(",", "").replace(".", "")


def quoted(text: str, random: Random) -> str:
    """Quoted below a line of its own."""
    return random.choice(AGAIN) + "\n\n" + "\n".join(f"> {line}" for line in text.splitlines())


def announced(text: str, random: Random) -> str:
    """With a sentence before it."""
    return random.choice(AGAIN) + text


EDITS: tuple[Callable[[str, Random], str], ...] = (mistyped, bare, quoted, announced)


def copy_of(text: str, random: Random) -> str:
    """`text` with one or two edits, another greeting and another signature."""
    for edit in random.sample(EDITS, random.randrange(1, 3)):
        text = edit(text, random)
    return letter(text, random)
