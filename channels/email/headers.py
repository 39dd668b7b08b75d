"""Header blocks: bytes in, `Headers` and the place where the body begins out. Nothing raises; time is linear.

Takes any line ends, mbox "From " lines, leading blank lines, junk between fields, and a body that begins without a
blank line. Of a block larger than 100 KB the essential fields are kept and as many of the others as fit.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import NamedTuple

from channels.email import charset
from channels.email.mail import Headers

MAX_BLOCK = 102_400
"""Bytes of all fields of one block that are kept (the limit of Postfix)."""
MAX_WINDOW = 33_554_432
"""Bytes of an oversized block that are searched for essential fields."""
MAX_FIELD = 16_384
"""Characters of one field that are kept."""
MAX_LINES = 20_000
"""Fields of an oversized block that are looked at."""

ESSENTIAL = frozenset(
    [
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "reply-to",
        "sender",
        "return-path",
        "auto-submitted",
        "precedence",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "list-id",
    ]
)

END = re.compile(rb"\n\r*\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_PREAMBLE = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?:>?From (?![ \t]*:)[^\n]*\n[ \t\r\n]*)?")
_FIELD = re.compile(r"^(?:([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)|(.+))", re.MULTILINE)
_LINE = re.compile(r"^([!-9;-~]+)[ \t]*:[ \t]*(.*)", re.MULTILINE)
"""A field once folding is undone."""
_NAME = re.compile(r"([!-9;-~]+)[ \t]*")
_LONGEST_KNOWN = 60
"""Letters of a field name that is remembered; longer ones cost their reading each time."""
_KNOWN = re.compile(
    r"\n(?:received|from|to|cc|bcc|subject|date|message-id|reply-to|sender|mime-version|return-path|references|"
    r"in-reply-to|delivered-to|dkim-signature|content-[a-z-]+|x-[\w-]+|list-[a-z-]+|resent-[a-z-]+|user-agent|"
    r"importance|priority|precedence|auto-submitted|authentication-results|received-spf|thread-[a-z]+)[ \t]*:",
    re.IGNORECASE,
)
_LISTS_OF_ADDRESSES = frozenset({"from", "to", "cc", "bcc", "reply-to"})
_LISTS_OF_IDS = frozenset({"references", "in-reply-to"})
_CONTINUATION = re.compile(r"=\?|[\w-]{1,60}(?:\*\d{0,4})?\*?=")
"""A parameter (RFC 2231 §3) or an encoded word, on a line that should have been folded."""
_CHARSET = re.compile(rb"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_ID = re.compile(r"<([^<>]*)>")
_ONE_ID = re.compile(r"<[!-;=?-~]+>")
_MAX_ID = 998
_BLANKS = (" ", "\t")


class Block(NamedTuple):
    """A header block as it was found."""

    headers: Headers
    body: int
    """Offset of the first byte after the block."""
    cut: bool = False
    """Whether fields were left out or shortened for their size."""


def read(raw: bytes, start: int, stop: int) -> Block:
    """Read the header block that begins at `raw[start]`; it ends at a blank line, where a body begins, or at `stop`."""
    if raw.startswith((b"\n", b"\r\n"), start):
        return Block(Headers(), raw.index(b"\n", start) + 1)
    end = END.search(raw, start, stop)
    size, body = (end.start() - start, end.end()) if end else (stop - start, stop)
    block = raw[start : start + min(size, MAX_WINDOW)]
    if size <= MAX_BLOCK and block.isascii() and b"\0" not in block:
        lines = block.strip(b"\r\n")
        pairs = None if _BARE_CR.search(lines) else _plain(lines.replace(b"\r", b"").decode("ascii"))
        if pairs is not None:
            return Block(Headers(tuple(pairs)), body)
    text = block.decode("latin-1")  # one character a byte, so that offsets hold
    if size > MAX_BLOCK:
        beginning = _with_care(text[: max(text.rfind("\n", 0, MAX_BLOCK), 0)], start, -1)
        return beginning if beginning.body >= 0 else _oversized(text, body)
    return _with_care(text, start, body)


def _plain(lines: str) -> list[tuple[str, str]] | None:
    """The fields of a block that holds nothing else, as nearly all do; None where one must look closer."""
    pairs: list[tuple[str, str]] = []
    key = value = ""
    for line in lines.split("\n"):
        if key and line[:1] in _BLANKS:
            value += line
            continue
        if key:
            pairs.append((key, value.strip()))
        head, colon, value = line.partition(":")
        key = _known_name(head) if len(head) <= _LONGEST_KNOWN else _name(head)
        if not colon or not key:
            return None
    if key:
        pairs.append((key, value.strip()))
    return pairs if key or not lines else None


def _name(head: str) -> str:
    """What stands before a colon as a field name in lower case; '' where it is none (RFC 5322 §2.2)."""
    found = _NAME.fullmatch(head)
    return found[1].lower() if found else ""


_known_name = lru_cache(maxsize=1024)(_name)


def skip_preamble(raw: bytes) -> int:
    """Offset of the first field: past blank lines, a byte order mark and the "From " line of an mbox."""
    found = _PREAMBLE.match(raw)
    return found.end() if found else 0


def message_ids(value: str) -> list[str]:
    """Ids of a References or In-Reply-To value, without brackets and white space, in order, prose around them ignored.

    Where nothing stands in brackets, words with an @ are taken.
    """
    if _ONE_ID.fullmatch(value) and len(value) <= _MAX_ID:
        return [value[1:-1]]
    ids = ["".join(found.split()) for found in _ID.findall(value)] if "<" in value else []
    if not any(ids):
        ids = [word.strip("<>;\"'()") for word in value.replace(",", " ").split() if "@" in word]
    return list(dict.fromkeys([found for found in ids if found and len(found) <= _MAX_ID]))


def message_id(value: str) -> str:
    """The id in a Message-ID value, in brackets or not; '' where there is none."""
    found = message_ids(value)
    if found:
        return found[0]
    bare = value.strip().strip("<>")
    return bare if bare and len(bare) <= _MAX_ID and not any(map(str.isspace, bare)) else ""


def _fields(pairs: list[tuple[str, str]], text: str) -> tuple[tuple[str, str], ...]:
    hint = _CHARSET.search(text.encode("latin-1"))
    label = hint[1].decode("ascii", "replace") if hint else ""
    return tuple([(name.lower(), _unfolded(_decoded(value, label))) for name, value in pairs])


def _decoded(value: str, label: str) -> str:
    """Raw 8-bit text: UTF-8 where the bytes are, else the charset of the body, else what it looks like."""
    if value.isascii():
        return value
    data = value.encode("latin-1")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return charset.decode(data, label if charset.codec(label) not in ("us-ascii", "utf-8") else "")


def _unfolded(value: str) -> str:
    if "\n" in value:
        value = value.replace("\r\n", "").replace("\n", "")
    value = value.strip()
    if "\r" in value or "\0" in value:
        value = value.replace("\r", " ").replace("\0", "\ufffd")
    return value


def _continues(name: str, value: str, line: str) -> bool:
    """Whether `line`, which is no field, belongs to the field above, and merely lost the blank before it."""
    if _CONTINUATION.match(line):
        return name in ESSENTIAL
    if name in _LISTS_OF_ADDRESSES:
        return value.rstrip().endswith(",") and "@" in line
    return name in _LISTS_OF_IDS and line.startswith("<") and line.rstrip().endswith(">")


def _with_care(text: str, start: int, body: int) -> Block:
    """A block with 8-bit text, or with lines that are no fields: broken folding, junk, no blank line at its end."""
    pairs: list[tuple[str, str]] = []
    for match in _FIELD.finditer(text):
        name, value, junk = match.groups()
        if name is not None:
            pairs.append((name, value))
        elif pairs and _continues(pairs[-1][0].lower(), pairs[-1][1], junk):
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1].rstrip()} {junk}")
        elif not _KNOWN.match(text, match.end()):
            body = start + match.start()
            break
    return Block(Headers(_fields(pairs, text)), body)


def _oversized(text: str, body: int) -> Block:
    """The essential fields of a huge block, and as many of the others as fit into MAX_BLOCK."""
    pairs: list[tuple[str, str]] = []
    budget = MAX_BLOCK
    lines = text.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", "\t")
    for match in itertools.islice(_LINE.finditer(lines), MAX_LINES):
        name, value = match.groups()
        if len(value) > MAX_FIELD:
            value = f"{value[: MAX_FIELD // 2]} {value[-MAX_FIELD // 2 :]}"
        budget -= len(name) + len(value)
        if budget >= 0 or (name.lower() in ESSENTIAL and budget > -MAX_BLOCK):
            pairs.append((name, value))
    return Block(Headers(_fields(pairs, "\n".join([value for _, value in pairs]))), body, cut=True)
