"""Cutting the quotes out of a mail's HTML that mail programs mark in the markup rather than in words.

What enters is HTML as it came, however broken; what leaves is the same HTML without the marked parts. Nothing fails.
No tree is built: linear in the length, and unclosed or crossed tags do no more than end a cut late.

Only marks without a trace in the text are acted on. A `<blockquote>` is left alone: it becomes '> ' lines, which tell
quoted words from answers between them.

- the whole element: `yahoo_quoted`, `gmail_quote` without a blockquote in it, signatures that carry their name
- everything to the end: Outlook's `divRplyFwdMsg`, `appendonsend` and its grey rule, Zimbra's rule
"""

from __future__ import annotations

import re
from bisect import bisect_left

_IDENTIFIED = (
    "ms-outlook-mobile",
    "divRplyFwdMsg",
    "appendonsend",
    "stopSpelling",
    "zwchr",
    "mail-editor-reference",
    '"Signature"',
)
_MARKS = {
    "_": ("gmail_", "yahoo_quoted", "protonmail_", "zmail_extra", "OLK_SRC_BODY", "__DIVIDER__"),
    "id=": _IDENTIFIED,
    "ID=": _IDENTIFIED,
    "border-top": ("E1E1E1", "e1e1e1", "B5C4DF", "b5c4df", "225,225,225", "225, 225, 225"),
    "": ("OutlookMessageHeader", "moz-signature"),
}
"""What a tag must hold to be looked at, in the programs' own spelling; and what must stand anywhere for it to."""
_HEAD = re.compile(r"\s*<(?:!doctype|html|head|meta)\b", re.IGNORECASE)
_ATTRIBUTES = 2000
"""Characters of a tag around a mark that are looked at."""
_ELEMENT = re.compile(r"<([a-zA-Z][a-zA-Z0-9:]{0,30})\s")
_NAMES = re.compile(
    r"""(?:class|id|name|data-smartmail|data-marker)\s?=\s?(?:"([^"]{0,400})"|'([^']{0,400})'|(\S{1,200}))""",
    re.IGNORECASE,
)
_GREY_RULE = re.compile(
    r"border-top:\s?solid\s?(?:#E1E1E1|#B5C4DF|rgb\(225, ?225, ?225\))|border-top:\s?(?:1pt|1\.0pt)\s?solid\s?"
    r"(?:#E1E1E1|#B5C4DF|rgb\(225, ?225, ?225\)|rgb\(181, ?196, ?223\))",
    re.IGNORECASE,
)
_BLOCKQUOTE = re.compile(r"</?blockquote([^<>]*+)>", re.IGNORECASE)

_HOLDERS = frozenset({"div", "span", "table", "td", "p", "pre", "blockquote", "section"})
"""Elements that programs hold quotes and signatures in."""
_TO_THE_END = frozenset(
    {
        "divrplyfwdmsg",
        "appendonsend",
        "stopspelling",
        "zwchr",
        "__divider__",
        "outlookmessageheader",
        "mail-editor-reference-message-container",
        "ms-outlook-mobile-reference-message",
    }
)
_WHOLE = frozenset({"yahoo_quoted", "olk_src_body_section", "zmail_extra"})
_WITHOUT_BLOCKQUOTE = frozenset({"gmail_quote", "gmail_extra", "protonmail_quote"})
_SIGNATURES = frozenset(
    {"gmail_signature", "moz-signature", "ms-outlook-mobile-signature", "protonmail_signature_block", "signature"}
)
_CONTAINERS = _WHOLE | _WITHOUT_BLOCKQUOTE | _SIGNATURES


def cut(html: str) -> str:
    """`html` without the quotes and signatures that the markup names. The result may end in open elements."""
    marked = _marked_tags(html)
    if not marked:
        return html
    end = min((start for start, _, name in marked if name in _TO_THE_END), default=len(html))
    blockquotes = [found.start() for found in _BLOCKQUOTE.finditer(html)]
    kept: list[str] = []
    position = 0
    for start, stop, name in _elements(html, marked):
        if position <= start < end and _is_cut(start, stop, name, blockquotes):
            kept.append(html[position:start])
            position = stop
    kept.append(html[position:end])
    return "".join(kept)


def without_indentation(html: str) -> str:
    """`html` without the tags of blockquotes that carry no sign of a quote: some editors indent with them."""
    return _BLOCKQUOTE.sub(lambda found: found[0] if _is_cite(found[1]) else " ", html)


def _marked_tags(html: str) -> list[tuple[int, str, str]]:
    """The start tags with a known name as (position, element, name), in order."""
    # A style sheet in the head, often the larger part of a mail, marks nothing.
    body = max(html.find("</head>"), 0) if _HEAD.match(html) else 0
    tags: dict[int, tuple[str, str]] = {}
    for mark in dict.fromkeys(mark for guard, marks in _MARKS.items() if guard in html for mark in marks):
        position = html.find(mark, body)
        while position >= 0:
            start = html.rfind("<", max(0, position - _ATTRIBUTES), position)
            stop = html.find(">", position, position + _ATTRIBUTES)
            inside = start >= 0 and start not in tags and stop > 0 and html.find(">", start, position) < 0
            element = _ELEMENT.match(html, start) if inside else None
            name = _name_of(html[element.end() : stop]) if element else ""
            if element and name:
                tags[start] = element[1].lower(), name
            position = html.find(mark, position + _ATTRIBUTES if stop < 0 else stop)
    return sorted((start, element, name) for start, (element, name) in tags.items())


def _elements(html: str, marked: list[tuple[int, str, str]]) -> list[tuple[int, int, str]]:
    """The marked elements as (start, stop, name), in order; what is never closed reaches to the end."""
    named = {start: name for start, element, name in marked if name in _CONTAINERS and element in _HOLDERS}
    found: list[tuple[int, int, str]] = []
    for element in {element for start, element, _ in marked if start in named}:
        opened: list[int] = []
        for tag in re.finditer(rf"<(/?){element}(?=[\s>])", html, re.IGNORECASE):
            if not tag[1]:
                opened.append(tag.start())
            elif opened:
                start = opened.pop()
                if start in named:
                    found.append((start, tag.end() + 1, named[start]))
        found += [(start, len(html), named[start]) for start in opened if start in named]
    return sorted(found)


def _name_of(attributes: str) -> str:
    """The name by which a program marked the element, '' for none that is known."""
    if "border-top" in attributes and _GREY_RULE.search(attributes):
        return "divrplyfwdmsg"
    for found in _NAMES.finditer(attributes):
        for name in (found[1] or found[2] or found[3] or "").lower().split():
            name = name.removeprefix("x_")
            if name in _TO_THE_END or name in _CONTAINERS:
                return name
    return ""


def _is_cut(start: int, stop: int, name: str, blockquotes: list[int]) -> bool:
    if name not in _WITHOUT_BLOCKQUOTE:
        return True
    following = bisect_left(blockquotes, start)
    return following == len(blockquotes) or blockquotes[following] >= stop


def _is_cite(attributes: str) -> bool:
    lowered = attributes.lower()
    return "cite" in lowered or "quote" in lowered
