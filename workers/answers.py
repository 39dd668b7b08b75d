"""What a customer answers to "is it solved?" and "how satisfied are you?", in plain words. Pure.

In: what they wrote. Out: yes, no, or a score with what they say beside it; nothing where it is anything else, which is
then heard as any other message. Only whole answers count: "oui mais toujours pas" is no yes.
"""

from __future__ import annotations

import re
import unicodedata

YES = frozenset((
    "1", "oui", "ouais", "ok", "yes", "yep", "yeah", "resolu", "c'est resolu", "c'est bon", "tout est bon", "parfait",
    "solved", "it is solved", "it's solved", "all good", "fixed", "it works", "ca marche", "d'accord",
    "\N{THUMBS UP SIGN}",
))  # fmt: skip
NO = frozenset((
    "2", "non", "no", "nope", "pas du tout", "toujours pas", "pas encore", "not yet", "not at all", "still not", "nan",
    "pas resolu", "ce n'est pas resolu", "not solved", "it is not solved", "it's not", "ca ne marche pas",
    "ca marche pas", "it does not work", "it doesn't work", "not fixed", "\N{THUMBS DOWN SIGN}",
))  # fmt: skip
COURTESY = frozenset((
    "merci", "beaucoup", "bien", "thanks", "thank", "you", "thx", "a", "vous", "bonjour", "hello", "hi", "so", "much",
    "cordialement", "regards", "madame", "monsieur", "please", "svp",
))  # fmt: skip
SCORED = {
    "pas du tout satisfait": 1, "peu satisfait": 2, "moyennement satisfait": 3, "satisfait": 4, "tres satisfait": 5,
    "not at all satisfied": 1, "not very satisfied": 2, "so-so": 3, "satisfied": 4, "very satisfied": 5,
}  # fmt: skip
"""The answers that are offered for tapping; `config/templates/closing/texts.toml` has the same words."""
_SCORE = re.compile(r"\s*([1-5])(?:\s*/\s*5)?(?![\d/])(?:\s*[-:.,;!)\n]\s*|\s+|$)(.*)", re.DOTALL)
LONGEST = 80


def solved(said: str) -> str:
    """yes, no, or '' for anything else."""
    plain = _plain(said)
    if len(plain) > LONGEST:
        return ""
    words = plain.split()
    for start in range(len(words)):
        if words[start] not in COURTESY:
            words = words[start:]
            break
    while words and words[-1] in COURTESY:
        words.pop()
    core = " ".join(words)
    if core in YES:
        return "yes"
    return "no" if core in NO else ""


def score(said: str) -> tuple[int, str] | None:
    """A score and the comment beside it; None where there is none."""
    found = _SCORE.match(said)
    if found is not None:
        return int(found[1]), found[2].strip()
    plain = _plain(said)
    return (SCORED[plain], "") if plain in SCORED else None


def _plain(said: str) -> str:
    """Lower case, without accents and marks."""
    folded = unicodedata.normalize("NFD", said.casefold().replace("’", "'"))
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[.,;:!?()\"«»…]+", " ", bare).split())
