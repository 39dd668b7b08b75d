"""Words and phrases looked up in a text, in linear time. Pure.

In: phrases (`Phrase.parse`) and a text cut into tokens (`tokens`). Out: where each phrase stands. Fails: `ValueError`
for a phrase that cannot be read, at start and never on a text.

The language of phrases, read without regard to case and accents:

    facture             the word itself
    factur*             words that begin so (three letters at least)
    perdu|oublie        either word
    mot de passe        words in a row
    debite .. deux fois up to three other words between

A phrase never reaches across a stop, a comma or an empty line. Each is filed under its rarest word, so that a text
costs one dictionary look-up a word, and a few comparisons where such a word occurs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

GAP = 3
"""How many words `..` may stand for."""
STOP = "."
"""The token for every mark that ends a clause."""

KNOWN_TOKENS = 8192
"""How many words of past texts a lexicon remembers the phrases of."""

_WORD = re.compile(r"[a-z0-9]+")
_DECIMAL = re.compile(r"(?<=[0-9])[.,](?=[0-9])")
_SPELLINGS = (("’", "'"), ("‘", "'"), ("œ", "oe"), ("æ", "ae"), ("–", " "), ("—", " "), ("…", "."), ("€", " eur "))
_STOPS = b".,;:!?()\0"
_ALPHABET = bytes(
    byte if chr(byte).isalnum() and byte < 128 else 0 if byte in _STOPS else ord(" ") for byte in range(256)
)
"""Letters and digits stay, what ends a clause becomes NUL, all else a blank."""


def fold(text: str) -> str:
    """`text` in lower case ASCII: accents gone, ligatures spelt out, "can't" as "cant"; other scripts vanish."""
    folded = text.casefold()
    if not folded.isascii():
        for letter, spelling in _SPELLINGS:
            folded = folded.replace(letter, spelling)
        folded = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode("ascii")
    return folded.replace("n't", "nt")


def tokens(folded: str) -> list[str]:
    """Words of a folded text in order; every end of a clause is the token `STOP`."""
    clauses = _DECIMAL.sub("", folded).replace("\n\n", "\0").encode("ascii").translate(_ALPHABET)
    return clauses.replace(b"\0", b" . ").decode("ascii").split()


class Word(msgspec.Struct, frozen=True):
    """One place in a phrase: the words that may stand there."""

    exact: frozenset[str]
    stems: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Word:
        """Read `a|b*`. Raises `ValueError`."""
        exact, stems = [], []
        for choice in text.split("|"):
            literal = choice.removesuffix("*")
            if not _WORD.fullmatch(literal):
                raise ValueError(f"{choice!r} is not a word")
            if literal == choice:
                exact.append(literal)
            elif len(literal) < 3:
                raise ValueError(f"{choice!r} is too short: three letters at least before *")
            else:
                stems.append(literal)
        return cls(frozenset(exact), tuple(stems))

    def fits(self, token: str) -> bool:
        """True where `token` may stand here."""
        return token in self.exact or (bool(self.stems) and token.startswith(self.stems))

    def commonness(self, uses: Mapping[str, int]) -> tuple[int, int]:
        """For comparing: how often the rules use its choices (`uses`), then how short the shortest one is."""
        choices = (*self.exact, *self.stems)
        return max(map(uses.__getitem__, choices)), -min(map(len, choices))


class Phrase(msgspec.Struct, frozen=True, eq=False):
    """A phrase and what finding it means. `eq=False`: phrases are told apart by identity."""

    text: str
    """As it was written in the rules."""
    group: str
    """Which decision it speaks to."""
    key: str
    """What it speaks for."""
    weight: int
    words: tuple[Word, ...]
    gaps: tuple[int, ...]
    """How many other words may stand before each of `words`; the first is 0."""
    anchor: int = 0
    """Which of `words` it is filed under."""

    @classmethod
    def parse(cls, text: str, *, group: str = "", key: str = "", weight: int = 1) -> Phrase:
        """Read one phrase in the language of this module. Raises `ValueError`."""
        words: list[Word] = []
        gaps: list[int] = []
        gap = 0
        for piece in fold(text).replace("'", " ").split():
            if piece == "..":
                gap = GAP
                continue
            words.append(Word.parse(piece))
            gaps.append(gap if gaps else 0)
            gap = 0
        if not words:
            raise ValueError("an empty phrase")
        return cls(text, group, key, weight, tuple(words), tuple(gaps))

    def begins(self, found: Sequence[str], anchored: int) -> int:
        """Where in `found` the phrase begins whose anchor stands at `anchored`; -1 where it does not stand there."""
        if self.anchor + 1 < len(self.words) and not self._onward(found, anchored, self.anchor + 1):
            return -1
        return self._backward(found, anchored, self.anchor)

    def _onward(self, found: Sequence[str], at: int, word: int) -> bool:
        """Whether `words[word:]` stand after position `at`."""
        for place in range(at + 1, min(at + 2 + self.gaps[word], len(found))):
            if self.words[word].fits(found[place]) and (
                word + 1 == len(self.words) or self._onward(found, place, word + 1)
            ):
                return True
            if found[place] == STOP:
                return False
        return False

    def _backward(self, found: Sequence[str], at: int, word: int) -> int:
        """Where `words[:word]` begin that end before position `at`; `at` itself where there are none, -1 if not."""
        if word == 0:
            return at
        for place in range(at - 1, max(at - 2 - self.gaps[word], -1), -1):
            if self.words[word - 1].fits(found[place]):
                begin = self._backward(found, place, word - 1)
                if begin >= 0:
                    return begin
            if found[place] == STOP:
                return -1
        return -1


class Lexicon:
    """Many phrases, looked for at once."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._exact: dict[str, list[tuple[Phrase, frozenset[str]]]] = {}
        self._stems: dict[str, list[tuple[str, tuple[Phrase, frozenset[str]]]]] = {}
        self._known: dict[str, tuple[tuple[Phrase, frozenset[str]], ...]] = {}
        uses = Counter(literal for phrase in phrases for word in phrase.words for literal in (*word.exact, *word.stems))
        for phrase in phrases:
            self._file(phrase, uses)

    def _file(self, phrase: Phrase, uses: Mapping[str, int]) -> None:
        """Under its rarest word, with the choices of the next rarest, without which it cannot stand in a text."""
        order = sorted(range(len(phrase.words)), key=lambda at: phrase.words[at].commonness(uses))
        word = phrase.words[order[0]]
        needed = next((phrase.words[at].exact for at in order[1:] if not phrase.words[at].stems), frozenset[str]())
        entry = msgspec.structs.replace(phrase, anchor=order[0]), needed
        for literal in sorted(word.exact):
            self._exact.setdefault(literal, []).append(entry)
        for stem in word.stems:
            self._stems.setdefault(stem[:3], []).append((stem, entry))

    def scan(self, found: Sequence[str]) -> Iterator[tuple[Phrase, int]]:
        """Every phrase that stands in `found` (see `tokens`), with the position at which it begins."""
        known, present = self._known, frozenset(found)
        if len(known) > KNOWN_TOKENS:
            known.clear()
        for token in present.difference(known):
            known[token] = self._filed(token)
        for at, filed in enumerate(map(known.__getitem__, found)):
            for phrase, needed in filed:
                if needed and needed.isdisjoint(present):
                    continue
                begin = phrase.begins(found, at) if len(phrase.words) > 1 else at
                if begin >= 0:
                    yield phrase, begin

    def _filed(self, token: str) -> tuple[tuple[Phrase, frozenset[str]], ...]:
        """The phrases filed under `token`."""
        stems = (entry for stem, entry in self._stems.get(token[:3], ()) if token.startswith(stem))
        return (*self._exact.get(token, ()), *stems)
