"""Keeping only what somebody wrote anew: without quote headers, quoted text and signatures.

What enters is the plain text of a mail (any line ends, any length, any language), and its HTML where it has one. What
leaves is the new words, line by line as they were written; nothing is reworded. Nothing fails, and the
time is linear in the length, however hostile the text.

Every line is one of: new, quoted, header of a quote (`quoting` tells these three apart), signature (`signature`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from channels.email import html_quotes, html_text, quoting, signature

_SIGNATURE = 3
_NEW_RUN = re.compile(rb"\x00+")
_QUOTED_RUN = re.compile(rb"[\x01\x02]+")
_SIGNATURE_RUN = re.compile(rb"\x03+")
_DELIMITER = "-- "
"""The line above a signature (RFC 3676 §4.3), which only its blank tells from a line of two dashes."""
_SEGMENTS = 200
"""Runs of new lines whose end is searched for a signature; interleaved answers have a few."""

_COMMON_INVISIBLE = (
    "\u200b",
    "\u200e",
    "\u200f",
    "\u200c",
    "\u200d",
    "\ufeff",
    "\u202a",
    "\u202c",
    "\u2060",
    "\u2068",
    "\u00ad",
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")


class Split(msgspec.Struct, frozen=True):
    """A mail's text in three parts, each in its own order, without blank lines around it."""

    new: str
    """What the sender wrote for this mail."""
    quoted: str = ""
    """Earlier mail, and the headers that announce it."""
    signature: str = ""


def new_words(text: str, *, html: str = "") -> str:
    """Only the new words of a mail; '' where there are none.

    `text` is its plain text, '' where there is none; `html` its HTML, whether `text` was made from it or stood beside
    it. The text decides. The markup is asked where the text has no answers below lines marked with '>', and believed
    where all that it does is to end the text sooner.
    """
    if not html:
        return _Reading(text).new()
    text = text if text.strip() else html_text.to_text(html)
    words = _Reading(text).new()
    if not words:
        return _indented_words(html)
    bare = html_quotes.cut(html)
    if bare == html or _answers_below_marks(text, words):
        return words
    sooner = _Reading(html_text.to_text(bare)).new()
    return sooner if sooner and _begins_with(words, sooner) else words


def _answers_below_marks(text: str, words: str) -> bool:
    """True if some of the new `words` of `text` stand below its first line with '>'."""
    mark = f"\n{text}".find("\n>")
    return mark >= 0 and _Reading(text[:mark]).new() != words


def _begins_with(text: str, beginning: str) -> bool:
    """True if the words of `text` begin with those of `beginning`, however they are spaced."""
    words = beginning.split()
    return text.split(None, len(words))[: len(words)] == words


def _indented_words(html: str) -> str:
    """The words of a mail that consists of indentation: blockquotes that no program made as quotes."""
    plain = html_quotes.without_indentation(html)
    return _Reading(html_text.to_text(plain)).new() if plain != html else ""


def split(text: str) -> Split:
    """Tell the new words of a mail's plain text from the quoted ones and from the signature."""
    reading = _Reading(text)
    return Split(reading.new(), reading.all(_QUOTED_RUN), reading.all(_SIGNATURE_RUN))


class _Reading:
    """The lines of a mail's text as they came, and what each is."""

    def __init__(self, text: str) -> None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.lines = lines = text.split("\n")
        hidden = not text.isascii() and _hides(text)
        visible = _INVISIBLE.sub("", text).split("\n") if hidden else lines
        probes = [line.strip() if line != _DELIMITER else line for line in visible]
        reading = quoting.read(probes)
        self.kinds, self._passed_on = reading.kinds, reading.passed_on
        for index, column in reading.shared.items():
            lines[index], self.kinds[index] = probes[index][:column].rstrip(" \t-—–"), quoting.NEW
        _mark_signatures(probes, self.kinds)
        _mark_armour(probes, self.kinds)

    def all(self, runs: re.Pattern[bytes]) -> str:
        """All lines of one kind."""
        return _gather(self.lines, runs.finditer(self.kinds))

    def new(self) -> str:
        """The new words; where there are none, those of the mail that was passed on."""
        new = self.all(_NEW_RUN)
        return new if new or self._passed_on < 0 else _passed_on(self.lines[self._passed_on :])


def _passed_on(lines: Sequence[str]) -> str:
    """The new words of a forwarded mail whose lines are all marked with '>', as Apple Mail does."""
    unmarked = [line.removeprefix(">").removeprefix(" ") for line in lines]
    probes = [line.strip() for line in unmarked]
    return _gather(unmarked, _NEW_RUN.finditer(quoting.read(probes).kinds))


def _mark_signatures(probes: Sequence[str], kinds: bytearray) -> None:
    """Mark the signatures at the ends of the runs of new lines, unless they are all that was said."""
    marked: list[int] = []
    for run in islice(_NEW_RUN.finditer(kinds), _SEGMENTS):
        start = run.start()
        marked += [start + index for index in signature.find(probes[start : run.end()])]
    for index in marked:
        kinds[index] = _SIGNATURE
    if not marked:
        return
    said = any(any(probes[run.start() : run.end()]) for run in _NEW_RUN.finditer(kinds))
    if not said and signature.says_something([probes[index] for index in marked]):
        for index in marked:
            kinds[index] = quoting.NEW


def _hides(text: str) -> bool:
    """True if `text` holds one of the common invisible characters: searching for each is faster than for a class."""
    for mark in _COMMON_INVISIBLE:  # noqa: SIM110 - a generator costs more than the search
        if mark in text:
            return True
    return False


def _mark_armour(probes: Sequence[str], kinds: bytearray) -> None:
    """Mark the lines by which OpenPGP opens a signed text, up to the blank one (RFC 9580 §7)."""
    if probes[0] == "-----BEGIN PGP SIGNED MESSAGE-----":
        stop = probes.index("") if "" in probes[:8] else 1
        kinds[:stop] = bytes((_SIGNATURE,)) * stop


def _gather(lines: Sequence[str], runs: Iterable[re.Match[bytes]]) -> str:
    """The lines of these runs. Between two runs a blank line stands only where both sides had one."""
    gathered: list[str] = []
    blank_above = False
    for run in runs:
        start, stop = run.span()
        while start < stop and not lines[start].strip():
            start += 1
        if start == stop:
            blank_above = True
            continue
        if gathered and blank_above and start > run.start():
            gathered.append("")
        last = stop
        while not lines[last - 1].strip():
            last -= 1
        gathered += [line.rstrip() for line in lines[start:last]]
        blank_above = last < stop
    return "\n".join(gathered).strip()
