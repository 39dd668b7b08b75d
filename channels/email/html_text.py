"""HTML mail as plain text, as a text browser would show it: HTML in, lines out. Nothing raises; time is linear.

Blocks, line breaks, lists, tables and preformatted text keep their shape, a <blockquote> becomes lines that begin
with "> ", what is not shown (head, style, script, comments, display:none) is left out. Links give their text only.
"""

from __future__ import annotations

import html as entities
import re

MAX_HTML = 1_000_000
"""Characters of HTML that are turned into text."""
MAX_DEPTH = 100
"""Nested lists and quotes that are told apart."""
MAX_QUOTES = 10
"""Quote marks before a line."""

_TOKEN = re.compile(r"<(?:(/?)([a-zA-Z][\w:-]*)([^<>]*)>?|([!?/][^<>]*>?)|)([^<]*(?:<(?![a-zA-Z/!?])[^<]*){0,50})")
_TAG = re.compile(r"<[a-zA-Z/!?]")
_UNSEEN = re.compile(
    r"<(/?)(style|script|title|noscript|template|select|textarea|svg|math|xml|iframe|video|audio|canvas)\b",
    re.IGNORECASE,
)
_NOT_SHOWN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|\shidden(?:\s|=|/|$)|mso-hide\s*:\s*all"
    r"|max-height\s*:\s*0(?:px|pt|em)?\s*;(?=[^\"']{0,400}overflow\s*:\s*hidden)"
    r"|overflow\s*:\s*hidden\s*;[^\"']{0,400}max-height\s*:\s*0(?:px|pt|em)?\s*(?:[;\"']|$)",
    re.IGNORECASE,
)
_KEEPS_LINES = re.compile(r"white-space\s*:\s*(?:pre\b|break-spaces)", re.IGNORECASE)
"""pre, pre-wrap and pre-line (CSS Text §3)."""
_FIRST_NUMBER = re.compile(r"\bstart\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)
_NO_BORDER = re.compile(r"border\s*:\s*(?:none|0)", re.IGNORECASE)
_EMOJI = re.compile(r"""\balt\s*=\s*["']?([^\x00-\x7f"'<>]{1,8})["'\s]""", re.IGNORECASE)
_ZERO_WIDTH = re.compile(
    "[\xad\u034f\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff]|[\u200c\u200d](?=\\s|$)|(?:^|(?<=\\s))[\u200c\u200d]"
)
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_UNWANTED = re.compile("[\0\xad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]")
"""What the two above are about, at one glance."""
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_LINES = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "option",
        "section",
        "summary",
        "tbody",
        "tfoot",
        "thead",
        "tr",
    ]
)
_PARAGRAPHS = frozenset(
    ["blockquote", "dir", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "menu", "ol", "p", "pre", "table", "ul"]
)
_SHAPING = _LINES | _PARAGRAPHS | {"br", "td", "th", "img"}
"""Elements that are more than a style of the words in them."""
_LISTS = frozenset({"ol", "ul", "menu", "dir"})
_NEVER_NESTED = frozenset({"p", "li", "option"})


def to_text(html: str) -> str:
    """`html` as plain text, lines ending in LF, without blank lines at its ends."""
    if not _TAG.search(html):
        html = f'<p style="white-space:pre-line">{html}'  # plain text under a wrong label: lines are all its shape
    writer = _Writer()
    tokens = _TOKEN.findall(_visible(_without_zero_width(html[:MAX_HTML])))
    for closing, name, attributes, declaration, text in tokens:
        if name:
            writer.tag(name.lower(), attributes, closing=bool(closing))
            if text:
                writer.words(_after_attributes(attributes, text) if attributes else text)
        else:
            writer.words(text if declaration else f"<{text}")
    return writer.finished()


def _without_zero_width(text: str) -> str:
    if text.isascii() or not _UNWANTED.search(text):
        return text
    return _NOT_TEXT.sub("\ufffd", _ZERO_WIDTH.sub("", text))


def _visible(html: str) -> str:
    """Without comments and without elements whose content is never shown. What has no end hides nothing."""
    html = _without_comments(html) if "<!--" in html else html
    tags = [(match[2].lower(), bool(match[1]), match.start(), match.end()) for match in _UNSEEN.finditer(html)]
    last_end = {name: start for name, closing, start, _ in tags if closing}
    kept: list[str] = ["<!>"]  # a declaration, so that text before the first tag follows a token too
    position, hidden = 0, ""
    for name, closing, start, stop in tags:
        if not hidden and not closing and last_end.get(name, -1) > start:
            kept.append(html[position:start])
            hidden = name
        elif closing and name == hidden:
            position, hidden = stop, ""
            kept.append("</span")  # the '>' of the end tag comes next
    kept.append(html[position:])
    return "".join(kept)


def _without_comments(html: str) -> str:
    kept: list[str] = []
    position = 0
    while True:
        start = html.find("<!--", position)
        end = html.find("-->", start + 2) if start >= 0 else -1
        if end < 0:
            break
        kept.append(html[position:start])
        position = end + 3
    kept.append(html[position:].replace("<!--", ""))
    return "".join(kept)


def _after_attributes(attributes: str, text: str) -> str:
    """Text after a tag, without the rest of an attribute value that had a '>' in it."""
    for quote in ('"', "'"):
        if quote in attributes and attributes.count(quote) % 2 and f"={quote}" in attributes.replace(" ", ""):
            _, found, rest = text.partition(quote)
            return rest.partition(">")[2] if found else text
    return text


class _Writer:
    """Collects inline text until a block ends, then writes it as a line with its quote and list marks."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._inline: list[str] = []
        self._gap = False
        """A blank line is due before the next line."""
        self._prefix = ""
        """Quote marks that begin each line."""
        self._last_prefix = ""
        self._quotes: list[bool] = []
        """Open <blockquote> elements, and whether each is a quotation (it may be mere indentation)."""
        self._lists: list[int] = []
        """Open lists: the number of the last item, or -1 where items are not numbered."""
        self._marker = ""
        self._preformatted = 0
        self._lined = ""
        """The open element whose style keeps its line breaks."""
        self._lined_depth = 0
        self._hidden = ""
        self._hidden_depth = 0
        self._withheld: list[str] = []

    def words(self, text: str) -> None:
        if self._hidden:
            self._withheld.append(text)
        elif self._lined and "\n" in text:
            first, *others = text.replace("\r\n", "\n").split("\n")
            self._inline.append(first)
            for line in others:
                self._break()
                self._inline.append(line)
        else:
            self._inline.append(text)

    def tag(self, name: str, attributes: str, *, closing: bool) -> None:
        if self._hidden:
            self._within_hidden(name, closing=closing)
            return
        if name in _SHAPING:
            self._shape(name, attributes, closing=closing)
        if name == self._lined:
            self._lined_depth += -1 if closing or name in _NEVER_NESTED else 1
            self._lined = self._lined if self._lined_depth else ""
        if attributes and not closing and name not in _VOID:
            self._styled(name, attributes)

    def _shape(self, name: str, attributes: str, *, closing: bool) -> None:
        """Begin or end what the element is: a line, a paragraph, a cell, a picture of a letter."""
        if name in _LINES:
            self._flush()
            if name == "li" and not closing:
                self._item()
        elif name in _PARAGRAPHS:
            self._paragraph(name, attributes, closing=closing)
        elif name == "br":
            self._break()
        elif name != "img":
            self._inline.append(" ")
        elif not attributes.isascii():
            self._inline.extend(_EMOJI.findall(attributes + " "))

    def _styled(self, name: str, attributes: str) -> None:
        """Heed what the attributes of a start tag say about its element."""
        if "white-space" in attributes and not self._lined and _KEEPS_LINES.search(attributes):
            self._lined, self._lined_depth = name, 1
        if ("none" in attributes or "hid" in attributes) and _NOT_SHOWN.search(attributes):
            self._hidden, self._hidden_depth = name, 1

    def finished(self) -> str:
        if self._hidden:  # it never ended: a mistake of the sender, or the mail was cut
            self._hidden = ""
            self._inline.extend(self._withheld)
        self._flush()
        return "\n".join(self._lines).strip("\n")

    def _within_hidden(self, name: str, *, closing: bool) -> None:
        if name == self._hidden:
            self._hidden_depth += -1 if closing or name in _NEVER_NESTED else 1
            if self._hidden_depth == 0:
                self._hidden = ""
                self._withheld.clear()

    def _paragraph(self, name: str, attributes: str, *, closing: bool) -> None:
        self._flush()
        if name in _LISTS:
            self._list(name, attributes, closing=closing)
            return
        self._gap = True
        if name == "blockquote":
            self._quote(attributes, closing=closing)
        elif name == "pre":
            self._preformatted = max(self._preformatted + (-1 if closing else 1), 0)

    def _quote(self, attributes: str, *, closing: bool) -> None:
        if closing:
            del self._quotes[-1:]
        elif len(self._quotes) < MAX_DEPTH:
            cited = "cite" in attributes or "quote" in attributes
            self._quotes.append(cited or not _NO_BORDER.search(attributes))
        self._prefix = "> " * min(sum(self._quotes), MAX_QUOTES)

    def _list(self, name: str, attributes: str, *, closing: bool) -> None:
        outer = len(self._lists) - closing
        self._gap = self._gap or outer <= 0
        if closing:
            del self._lists[-1:]
        elif outer < MAX_DEPTH:
            start = _FIRST_NUMBER.search(attributes) if attributes else None
            self._lists.append((max(int(start[1]) - 1, 0) if start else 0) if name == "ol" else -1)

    def _item(self) -> None:
        indent = "  " * (len(self._lists) - 1)
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self._marker = f"{indent}{self._lists[-1]}. "
        else:
            self._marker = f"{indent}- "

    def _break(self) -> None:
        if not self._flush() and not self._gap and self._lines[-1:] != [self._prefix.rstrip()]:
            self._lines.append(self._prefix.rstrip())

    def _flush(self) -> bool:
        """Write what was collected; False where there was nothing to see."""
        if not self._inline:
            return False
        text = "".join(self._inline)
        self._inline.clear()
        if "&" in text:
            text = _without_zero_width(entities.unescape(text))
        if self._preformatted:
            return self._write_preformatted(text)
        text = " ".join(text.split())
        if text:
            self._write(text)
        return bool(text)

    def _write_preformatted(self, text: str) -> bool:
        lines = text.replace("\r\n", "\n").strip("\r\n").split("\n")
        for line in lines:
            self._write(line.rstrip())
        return any(lines)

    def _write(self, line: str) -> None:
        if self._gap:
            self._gap = False
            blank = min(self._prefix, self._last_prefix, key=len).rstrip()
            if self._lines and self._lines[-1] != blank:
                self._lines.append(blank)
        self._last_prefix = self._prefix
        self._lines.append(f"{self._prefix}{self._marker}{line}")
        self._marker = ""
