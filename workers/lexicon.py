"""Words and phrases looked up in a text, in linear time. Pure.

In: phrases (`Phrase.parse`) and a text cut into tokens (`tokens`). Out: where each phrase stands. Fails: `ValueError`
for a phrase that cannot be read, at start and never on a text.

The language of phrases, read without regard to case and accents:

    facture             the word itself
    factur*             words that begin so (three letters at least)
    perdu|oublie        either word
    mot de passe        words in a row
    debite .. deux fois up to three other words between

Elided words are passed over, in phrases as in texts: "plus d'internet" is "plus internet". A phrase never reaches
across a stop, a comma or an empty line. Each is filed under its rarest word, so that a text costs one dictionary
look-up a word, and a few comparisons where such a word occurs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

GAP = 3
"""How many words `..` may stand for."""
STEM = 3
"""The fewest letters before `*`."""
STOP = "."
"""The token for every mark that ends a clause."""

KNOWN_TOKENS = 16_384
"""How many words of past texts a lexicon remembers the phrases of."""

ELIDED = ("c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu")
"""Words that lose their vowel before another one in French."""

_WORD = re.compile(r"[a-z0-9]+")
_SPELLINGS = (("’", "'"), ("‘", "'"), ("œ", "oe"), ("æ", "ae"), ("–", " "), ("—", " "), ("…", "."), ("€", " eur "))
_ELIDED = tuple(f" {word}'".encode() for word in ELIDED)
_STOPS = b".,;:!?()\0"
_ALPHABET = bytes(
    byte if byte < 128 and (chr(byte).isalnum() or byte == ord("'")) else 0 if byte in _STOPS else ord(" ")
    for byte in range(256)
)
"""Letters, digits and apostrophes stay, what ends a clause becomes NUL, all else a blank."""


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
    clauses = f" {folded}".replace("\n\n", "\0 ").encode("ascii").translate(_ALPHABET)
    if b"'" in clauses:
        for elided in _ELIDED:
            clauses = clauses.replace(elided, b" ")
    return clauses.replace(b"'", b" ").replace(b"\0", b" . ").decode("ascii").split()


def _pieces(phrase: str) -> Iterator[str]:
    """The places of a phrase, each with its choices. Raises `ValueError`."""
    for piece in fold(phrase).split():
        whole = "|".join(_unelided(choice) for choice in piece.split("|"))
        if "'" in whole and "|" in whole:
            raise ValueError(f"{piece!r} is two words, and cannot stand beside |")
        yield from whole.split("'")


def _unelided(choice: str) -> str:
    elided, mark, word = choice.partition("'")
    return word if mark and elided in ELIDED else choice


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
            elif len(literal) < STEM:
                raise ValueError(f"{choice!r} is too short: three letters at least before *")
            else:
                stems.append(literal)
        return cls(frozenset(exact), tuple(stems))

    def fits(self, token: str) -> bool:
        """True where `token` may stand here."""
        return token in self.exact or (bool(self.stems) and token.startswith(self.stems))

    @property
    def frequency(self) -> float:
        """A guess at how often it fits in a text: long words are rare, and every choice adds its own."""
        return float(sum(2.0 ** -len(choice) for choice in (*self.exact, *self.stems)))


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
        for piece in _pieces(text):
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


class Filed(NamedTuple):
    """A phrase under its rarest word, with what must hold besides, cheaply told, for it to stand in a text."""

    phrase: Phrase
    side: int
    """Where `wanted` must stand: right before (-1), right after (1), or anywhere in the text (0)."""
    wanted: frozenset[str]
    """One of these; empty for no condition."""
    checked: bool
    """True where that is all: a phrase of one word, or of two in a row."""

    @classmethod
    def of(cls, phrase: Phrase) -> Filed:
        """File `phrase`."""
        words, last = phrase.words, len(phrase.words) - 1
        order = sorted(range(last + 1), key=lambda at: words[at].frequency)
        anchor = order[0]
        phrase = msgspec.structs.replace(phrase, anchor=anchor)
        if anchor < last and not phrase.gaps[anchor + 1] and not words[anchor + 1].stems:
            return cls(phrase, 1, words[anchor + 1].exact, checked=last == 1)
        if anchor > 0 and not phrase.gaps[anchor] and not words[anchor - 1].stems:
            return cls(phrase, -1, words[anchor - 1].exact, checked=last == 1)
        other = next((words[at].exact for at in order[1:] if not words[at].stems), frozenset[str]())
        return cls(phrase, 0, other, checked=last == 0)


class Lexicon:
    """Many phrases, looked for at once. Threads may share one."""

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._exact: dict[str, list[Filed]] = {}
        self._stems: dict[str, list[tuple[str, Filed]]] = {}
        self._known: dict[str, tuple[tuple[Phrase, int, frozenset[str], bool], ...]] = {}
        for phrase in phrases:
            self._file(Filed.of(phrase))

    def _file(self, filed: Filed) -> None:
        word = filed.phrase.words[filed.phrase.anchor]
        for literal in sorted(word.exact):
            self._exact.setdefault(literal, []).append(filed)
        for stem in word.stems:
            self._stems.setdefault(stem[:STEM], []).append((stem, filed))

    def scan(self, found: Sequence[str]) -> list[tuple[Phrase, int]]:
        """Every phrase that stands in `found` (see `tokens`), with the position at which it begins."""
        if len(self._known) > KNOWN_TOKENS:
            self._known = {}
        known, present, padded = self._known, frozenset(found), (*found, STOP)
        for token in present.difference(known):
            known[token] = self._under(token)
        matches = []
        for at, filed in enumerate(map(known.__getitem__, found)):
            for phrase, side, wanted, checked in filed:
                if wanted and (padded[at + side] not in wanted if side else wanted.isdisjoint(present)):
                    continue
                begin = at - phrase.anchor if checked else phrase.begins(found, at)
                if begin >= 0:
                    matches.append((phrase, begin))
        return matches

    def _under(self, token: str) -> tuple[tuple[Phrase, int, frozenset[str], bool], ...]:
        """What is filed under `token`, as plain tuples, which Python takes apart faster."""
        stems = (filed for stem, filed in self._stems.get(token[:STEM], ()) if token.startswith(stem))
        return tuple(tuple(filed) for filed in (*self._exact.get(token, ()), *stems))
