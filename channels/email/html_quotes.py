"""Cutting the quotes out of a mail's HTML that mail programs mark in the markup rather than in words.

What enters is HTML as it came, however broken; what leaves is the same HTML without the marked parts. Nothing fails.
One pass of a tokenizer, no tree: linear in the length, and unclosed or crossed tags do no more than end a cut late.

Only marks without a trace in the text are acted on. A `<blockquote>` is left alone: it becomes '> ' lines, which tell
quoted words from answers between them.

- the whole element: `yahoo_quoted`, `gmail_quote` without a blockquote in it, signatures that carry their name
- everything to the end: Outlook's `divRplyFwdMsg`, `appendonsend` and its grey rule, Zimbra's rule
"""

from __future__ import annotations

import re
from bisect import bisect_left

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*+)([^<>]*+)>")
_MARKED = re.compile(
    r"gmail_|yahoo_quoted|protonmail_|zmail_extra|OLK_SRC_BODY|ms-outlook-mobile|divRplyFwdMsg|appendonsend"
    r"|stopSpelling|zwchr|__DIVIDER__|OutlookMessageHeader|mail-editor-reference|moz-signature|Signature"
    r"|E1E1E1|B5C4DF|225, ?225, ?225",
    re.IGNORECASE,
)
_NAMES = re.compile(r"""(?:class|id|name|data-smartmail|data-marker)\s?=\s?(?:"([^"]{0,400})"|'([^']{0,400})'|(\S{1,200}))""", re.I)
_GREY_RULE = re.compile(
    r"border-top:\s?solid\s?(?:#E1E1E1|#B5C4DF|rgb\(225, ?225, ?225\))|border-top:\s?(?:1pt|1\.0pt)\s?solid\s?"
    r"(?:#E1E1E1|#B5C4DF|rgb\(225, ?225, ?225\)|rgb\(181, ?196, ?223\))",
    re.IGNORECASE,
)
_BLOCKQUOTE = re.compile(r"</?blockquote([^<>]*+)>", re.IGNORECASE)
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})

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
    if not _MARKED.search(html):
        return html
    containers, end = _find(html)
    blockquotes = [found.start() for found in _BLOCKQUOTE.finditer(html)]
    kept: list[str] = []
    position = 0
    for start, stop, name in sorted(containers):
        if start < position or start >= end or not _is_cut(html, start, stop, name, blockquotes):
            continue
        kept.append(html[position:start])
        position = stop
    if position < end:
        kept.append(html[position:end])
    return "".join(kept)


def without_indentation(html: str) -> str:
    """`html` without the tags of blockquotes that carry no sign of a quote: some editors indent with them."""
    return _BLOCKQUOTE.sub(lambda found: found[0] if _is_cite(found[1]) else " ", html)


def _find(html: str) -> tuple[list[tuple[int, int, str]], int]:
    """The named elements as (start, stop, name), and where all that follows is quoted."""
    containers: list[tuple[int, int, str]] = []
    opened: dict[str, list[tuple[int, str]]] = {}
    for tag in _TAG.finditer(html):
        closing, element, attributes = tag[1], tag[2].lower(), tag[3]
        if closing:
            stack = opened.get(element)
            if stack:
                start, name = stack.pop()
                if name:
                    containers.append((start, tag.end(), name))
            continue
        name = _name_of(attributes) if attributes else ""
        if name in _TO_THE_END:
            return containers + _unclosed(opened, tag.start()), tag.start()
        if element not in _VOID and not attributes.endswith("/"):
            opened.setdefault(element, []).append((tag.start(), name))
    return containers + _unclosed(opened, len(html)), len(html)


def _unclosed(opened: dict[str, list[tuple[int, str]]], end: int) -> list[tuple[int, int, str]]:
    return [(start, end, name) for stack in opened.values() for start, name in stack if name]


def _name_of(attributes: str) -> str:
    """The name by which a program marked the element, '' for none that is known."""
    if "border-top" in attributes and _GREY_RULE.search(attributes[:2000]):
        return "divrplyfwdmsg"
    for found in _NAMES.finditer(attributes[:2000]):
        for name in (found[1] or found[2] or found[3] or "").lower().split():
            name = name.removeprefix("x_")
            if name in _TO_THE_END or name in _CONTAINERS:
                return name
    return ""


def _is_cut(html: str, start: int, stop: int, name: str, blockquotes: list[int]) -> bool:
    if name not in _WITHOUT_BLOCKQUOTE:
        return True
    following = bisect_left(blockquotes, start)
    return following == len(blockquotes) or blockquotes[following] >= stop


def _is_cite(attributes: str) -> bool:
    lowered = attributes.lower()
    return "cite" in lowered or "quote" in lowered
