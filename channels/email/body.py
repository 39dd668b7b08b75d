"""Which parts of a mail are its text, its HTML and its files: a MIME tree in, those three out. Nothing raises.

Follows the algorithm of RFC 8621 §4.1.4 (textBody, htmlBody, attachments), with these readings: a text part that has
a file name is a file, and is read as text as well where it stands first or where nothing else can be read; text and
HTML that stand side by side and say the same are taken for alternatives; a text that repeats another one is a file.
"""

from __future__ import annotations

import html as entities
import re
from typing import NamedTuple

from channels.email.html_text import to_text
from channels.email.structure import Entity

_PARAM = re.compile(r"<param>[^<]*</param>", re.IGNORECASE)
_BREAKS = re.compile(r"\n+")
_WORD = re.compile(r"\w+")
_BODY_TYPES = frozenset({"text/plain", "text/html"})
_FOR_PROGRAMS = frozenset(
    ["text/calendar", "text/css", "text/csv", "text/directory", "text/rfc822-headers", "text/vcard", "text/x-vcard"]
)
"""Text that is written for programs, not for people."""
_MAX_COMPARED = 20_000
"""Characters by which two texts are compared."""
_SAME = 0.85
"""Share of common words from which HTML is taken for the other form of a text."""


class Piece(NamedTuple):
    """A stretch of the body: as plain text, as HTML, or in both forms."""

    text: str | None
    html: str | None
    entity: Entity

    @property
    def blank(self) -> bool:
        """Whether its plain text has nothing to read."""
        return not self.text or self.text.isspace()

    def plain(self) -> str:
        """Its text; the HTML is turned into text only where there is no other."""
        if self.blank and self.html is not None:
            return to_text(self.html)
        return self.text or ""

    def marked_up(self) -> str:
        """Its HTML, or its text as preformatted HTML."""
        return self.html if self.html is not None else f"<pre>{entities.escape(self.text or '')}</pre>"


class _Said(NamedTuple):
    """What a piece says, for comparison with others."""

    line: str
    words: frozenset[str]
    rich: bool

    @classmethod
    def by(cls, piece: Piece) -> _Said:
        text = piece.plain()[:_MAX_COMPARED]
        return cls(" ".join(text.split()), frozenset(_WORD.findall(text.lower())), piece.text is None)

    def repeats(self, earlier: _Said) -> bool:
        """Whether it says the same: word for word, or nearly where one of the two was HTML. Nothing repeats all."""
        if self.rich == earlier.rich or not self.words:
            return self.line == earlier.line or not self.line
        return len(self.words & earlier.words) >= _SAME * max(len(self.words), len(earlier.words))


class Body:
    """The body of a mail. `files` are the leaves that a reader of the text does not see."""

    def __init__(self, root: Entity, texts: dict[Entity, str]) -> None:
        self.files: list[Entity] = []
        self._texts = texts
        """Decoded text of every text leaf."""
        self.pieces = self._distinct(self._collect(root, first=True))
        if not self.pieces:
            self.pieces = self._read_anyway(root)

    @property
    def text(self) -> str:
        """All text, in order."""
        return "\n".join([found for piece in self.pieces if (found := piece.plain())])

    @property
    def html(self) -> str:
        """All HTML, in order, with plain stretches between as <pre>; '' where there is none."""
        if all(piece.html is None for piece in self.pieces):
            return ""
        if len(self.pieces) == 1:
            return self.pieces[0].html or ""
        return "\n".join([piece.marked_up() for piece in self.pieces if piece.html is not None or not piece.blank])

    @property
    def text_from_html(self) -> bool:
        """Whether some of the text was made from HTML."""
        return any(piece.blank and piece.html is not None for piece in self.pieces)

    def _collect(self, entity: Entity, *, first: bool, root: bool = True) -> list[Piece]:
        """The body pieces in `entity`; what is no body goes to `files`."""
        if not entity.multipart:
            return self._leaf(entity, first=first, root=root)
        if entity.content_type == "multipart/alternative":
            return self._alternative(entity)
        related = entity.content_type == "multipart/related"
        start = _related_start(entity) if related else entity.children[0]
        pieces: list[Piece] = []
        for child in entity.children:
            if related and child is not start and not child.multipart:
                self.files.append(child)
            else:
                pieces += self._collect(child, first=child is start, root=False)
        return pieces

    def _leaf(self, entity: Entity, *, first: bool, root: bool) -> list[Piece]:
        kind = entity.content_type
        readable = kind in _BODY_TYPES or (root and entity in self._texts and kind != "text/calendar")
        named = bool(entity.disposition_parameters.get("filename") or entity.parameters.get("name"))
        attached = entity.disposition == "attachment" or (named and not first) or not readable
        if attached or (named and not root):
            self.files.append(entity)
        return [] if attached else [self._piece(entity)]

    def _piece(self, entity: Entity) -> Piece:
        text = self._texts.get(entity, "")
        if entity.content_type == "text/html":
            return Piece(None, text, entity)
        if entity.content_type in ("text/enriched", "text/richtext"):
            return Piece(to_text(_enriched(text)), None, entity)
        return Piece(text, None, entity)

    def _alternative(self, entity: Entity) -> list[Piece]:
        """One piece: the plain alternatives as its text, the last (the best) one with HTML as its HTML."""
        plain: list[Piece] = []
        rich: list[Piece] = []
        for child in entity.children:
            pieces = self._collect(child, first=True, root=False)
            if any(piece.html is not None for piece in pieces):
                rich = pieces
            else:
                plain += pieces
        plain = self._distinct(plain)
        if not rich or not plain:
            return rich or plain
        html = rich[0].html if len(rich) == 1 else "\n".join([piece.marked_up() for piece in rich])
        text = "\n".join([piece.text or "" for piece in plain])
        if not text.strip():
            text = "\n".join([piece.text or "" for piece in rich]) if all(not piece.blank for piece in rich) else ""
        return [Piece(text, html, entity)]

    def _distinct(self, pieces: list[Piece]) -> list[Piece]:
        """Without pieces that say again what an earlier one said: those are kept as files, or as its HTML."""
        if len(pieces) < 2:
            return pieces
        kept: list[Piece] = []
        said: list[_Said] = []
        for piece in pieces:
            now = _Said.by(piece)
            place = next((place for place, earlier in enumerate(said) if now.repeats(earlier)), -1)
            if place < 0:
                kept.append(piece)
                said.append(now)
            elif piece.text is None and kept[place].html is None:
                kept[place] = kept[place]._replace(html=piece.html)
            elif kept[place].text is None and piece.html is None:
                kept[place] = kept[place]._replace(text=piece.text)
            elif now.words and piece.entity not in self.files and not piece.entity.multipart:
                self.files.append(piece.entity)
        return kept

    def _read_anyway(self, root: Entity) -> list[Piece]:
        """Where nothing is meant to be the body: the first text among the files, unless it was attached on purpose."""
        for entity in self.files:
            if entity.content_type in _BODY_TYPES and (entity is root or entity.disposition != "attachment"):
                return [self._piece(entity)]
        for entity in self.files:
            if entity in self._texts and not entity.disposition and entity.content_type not in _FOR_PROGRAMS:
                return [self._piece(entity)]
        return []


def _enriched(text: str) -> str:
    """Text of type text/enriched as HTML (RFC 1896): '<<' is '<', a line break is a space, each further one a break."""
    text = _PARAM.sub("", text.replace("&", "&amp;").replace("<<", "&lt;"))
    return _BREAKS.sub(lambda found: "<br>" * (len(found[0]) - 1) or " ", text)


def _related_start(entity: Entity) -> Entity:
    """The root of a multipart/related: the part that its start parameter names, else the first (RFC 2387 §3.2)."""
    wanted = entity.parameters.get("start", "").strip("<> ")
    for child in entity.children if wanted else ():
        if child.headers.first("content-id").strip("<> ") == wanted:
            return child
    for child in entity.children:
        if child.multipart or child.content_type in _BODY_TYPES:
            return child
    return entity.children[0]
