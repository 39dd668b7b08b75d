"""Address lists (From, To, Cc …): a header value in, addresses out. Nothing raises; time is linear in the value.

Reads RFC 5322 §3.4 and its obsolete forms, RFC 6532 addresses, and what mailers send besides: missing or doubled
brackets, unquoted commas and at-signs in names, semicolons between addresses, whole addresses in an encoded word.

What counts is the address in angle brackets; an @ in a name or in a comment never makes an address. Who cannot be
read is `Address("")` with the words that were there as the name.
"""

from __future__ import annotations

import re

from channels.email import encoded_words
from models.envelope import Address

MAX_ADDRESSES = 100

_TOKEN = re.compile(
    r"""(?P<word>=\?[^?\s]{1,80}\?[bBqQ]\?[^?<>"]*\?=)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<pair>\\.)|"""
    r"""(?P<literal>\[[0-9A-Za-z:.]{1,60}\])|(?P<text>[^",;:<>()\\=\[]+)|(?P<mark>.)""",
    re.DOTALL,
)
_COMMENT = re.compile(r"[^()\\]+|\\.|[()\\]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPACED_MARK = re.compile(r"\s*([@.])\s*")
_DOMAIN = re.compile(r"(?:[\w-]+(?:\.[\w-]+)*\.?|\[[^\[\]\\\s]{1,100}\])\Z")
_LOCAL = re.compile(r"""[^\s"(),:;<>@\[\]\\]+\Z""")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"\Z', re.DOTALL)
_QUOTED_SPEC = re.compile(r'\s*"(?:[^"\\]|\\.)*"@[^>]*', re.DOTALL)
_MAX_SPEC = 320
"""64 for the local part, 255 for the domain (RFC 5321 §4.5.3.1) and the @."""


def read(value: str, limit: int = MAX_ADDRESSES) -> tuple[list[Address], bool]:
    """The mailboxes of an address list in order, groups flattened, and whether the list was cut at `limit`."""
    simple = _simple(value)
    if simple is not None:
        return [simple], False
    found = _Mailboxes(value, limit)
    found.scan()
    if not any(one.address for one in found.done) and "=?" in value:
        # Some senders encode the whole "name <address>"; only where nothing else can be read.
        decoded = encoded_words.decode(value)
        again = _Mailboxes(decoded, limit) if "@" in decoded and decoded != value else found
        if again is not found:
            again.scan()
            found = again if any(one.address for one in again.done) else found
    return found.done, found.cut


def addr_spec(text: str) -> str:
    """The address in `text` (what stands in angle brackets, or alone), lower-cased; '' where it is none."""
    text = text.strip().lstrip("<").strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]  # an obsolete route (RFC 5322 §4.4)
    local, at, domain = text.rpartition("@")
    local, domain = local.strip(), domain.strip()
    if not at or len(text) > _MAX_SPEC:
        return ""
    if not _DOMAIN.match(domain):
        local, domain = _without_spaces(local), _without_spaces(domain).strip("'`,.")
        if not _DOMAIN.match(domain):
            return ""
    quoted = _QUOTED_LOCAL.match(local)
    if quoted:
        plain = _ESCAPED.sub(r"\1", quoted[1])
        local = plain if _LOCAL.match(plain) else local
    elif not _LOCAL.match(local):
        local = _without_spaces(local).lstrip("'`")
        if not _LOCAL.match(local):
            return ""
    return f"{local}@{domain.rstrip('.')}".lower()


_SIMPLE = re.compile(
    r"""(?:"([^"\\<>@]*)"|([^"\\<>@(),:;]*))\s*<([\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>\Z"""
)
_BARE = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\Z")


def _simple(value: str) -> Address | None:
    """The usual shapes, `name <a@b>` and `a@b`, at one match each."""
    if len(value) > _MAX_SPEC:
        return None
    found = _SIMPLE.match(value)
    if found:
        name = found[1] if found[1] is not None else " ".join(found[2].split())
        name = encoded_words.decode(name) if "=?" in name else encoded_words.tidy(name)
        return Address(found[3].lower(), name)
    return Address(value.lower()) if _BARE.match(value) else None


def _without_spaces(text: str) -> str:
    return _SPACED_MARK.sub(r"\1", text)


class _Mailboxes:
    """One walk over an address list. `done` is filled mailbox by mailbox."""

    def __init__(self, value: str, limit: int) -> None:
        self.value = value
        self.limit = limit
        self.done: list[Address] = []
        self.cut = False
        self._dangling = ""
        """A name without address before a comma: perhaps the first half of `Doe, John <j@example.org>`."""
        self._last_bracket = value.rfind(">")
        self._last_parenthesis = value.rfind(")")
        self._start()

    def _start(self) -> None:
        self._phrase: list[str] = []
        self._comments: list[str] = []
        self._angle: str | None = None
        self._before = 0
        """How many pieces of the phrase stand before the bracket."""

    def scan(self) -> None:
        position, value = 0, self.value
        while position < len(value):
            if len(self.done) >= self.limit:
                self.cut = bool(value[position:].strip(" ,;"))
                return
            token = _TOKEN.match(value, position)
            if token is None:
                break
            position = token.end()
            if token.lastgroup == "mark":
                position = self._mark(token[0], position)
            else:
                self._phrase.append(token[0])
        self._finish(last=True)

    def _mark(self, mark: str, position: int) -> int:
        if mark == "<" and position <= self._last_bracket:
            return self._bracketed(position)
        if mark == "(" and position <= self._last_parenthesis:
            return self._comment(position)
        if mark in ",;":
            self._finish(last=mark == ";")
        elif mark == ":" and self._angle is None:
            self._name_of_group()
        elif mark in "=[":
            self._phrase.append(mark)
        elif mark in '<>"()':
            self._phrase.append(" ")
        return position

    def _name_of_group(self) -> None:
        """Forget it; but `Joe [mailto:joe@example.org]` is a name."""
        phrase = "".join(self._phrase)
        self._phrase = [phrase[:-6].rstrip("[ ") + " "] if phrase[-6:].lower() == "mailto" else []

    def _bracketed(self, position: int) -> int:
        if self._angle:
            self._finish(last=False)
        end = self.value.find(">", position)
        inside = self.value[position:end]
        if '"' in inside:
            end, inside = self._quoted_local(position, end)
        if "(" in inside:
            inside = _uncommented(inside)
        self._angle = inside.strip()
        self._before = len(self._phrase)
        return end + 1

    def _quoted_local(self, position: int, end: int) -> tuple[int, str]:
        """A quoted local part may hold the bracket (RFC 5322 §3.4.1)."""
        quoted = _QUOTED_SPEC.match(self.value, position, position + 2 * _MAX_SPEC)
        if quoted and self.value.startswith(">", quoted.end()):
            return quoted.end(), quoted[0]
        return end, self.value[position:end]

    def _comment(self, position: int) -> int:
        depth, start = 1, position
        for piece in _COMMENT.finditer(self.value, position):
            depth += {"(": 1, ")": -1}.get(piece[0], 0)
            if depth == 0:
                self._comments.append(self.value[start : piece.start()])
                return piece.end()
        self._last_parenthesis = -1  # this one never closes, nor does any after it
        return position

    def _finish(self, *, last: bool) -> None:
        """End a mailbox: at a comma, or (`last`) where no further one may belong to its name."""
        if self._angle is None and not self._phrase and not self._comments:
            return
        dangling, self._dangling = self._dangling, ""
        found = self._bare() if self._angle is None else self._with_bracket(dangling)
        if dangling and self._angle is None:
            self.done.append(Address("", dangling))
        self._start()
        if not found.address and found.name and not last and "@" not in found.name:
            self._dangling = found.name
        elif found.address or found.name:
            self.done.append(found)

    def _with_bracket(self, dangling: str) -> Address:
        angle = self._angle or ""
        before, after = self._phrase[: self._before], self._phrase[self._before :]
        name = self._display(before) or self._display(after) or self._commented()
        name = ", ".join(filter(None, (dangling, name)))
        address = addr_spec(angle)
        if not address and "=?" in angle:
            address = addr_spec(encoded_words.decode(angle))
        return Address(address, name if address or name else angle)

    def _bare(self) -> Address:
        """Without brackets: an address alone, or the one word of many that is an address."""
        phrase = "".join(self._phrase)
        address = addr_spec(phrase) if "@" in phrase else ""
        if address:
            return Address(address, self._commented())
        unquoted = "".join([piece for piece in self._phrase if not piece.startswith('"')])
        words = [word for word in unquoted.split() if "@" in word]
        address = addr_spec(words[0].strip("'`[]")) if len(words) == 1 else ""
        if not address:
            return Address("", self._display(self._phrase) or self._commented())
        pieces = [piece if piece.startswith('"') else piece.replace(words[0], " ") for piece in self._phrase]
        rest = self._display(pieces).strip(" '`[]-")
        return Address(address, rest or self._commented())

    def _commented(self) -> str:
        return encoded_words.decode(_ESCAPED.sub(r"\1", self._comments[-1])) if self._comments else ""

    @staticmethod
    def _display(pieces: list[str]) -> str:
        """The name as people read it: quotes and escapes undone, encoded words decoded, white space folded."""
        return " ".join(encoded_words.decode("".join(map(_unquoted, pieces))).split())


def _unquoted(piece: str) -> str:
    if len(piece) > 1 and piece[0] == '"':
        return _ESCAPED.sub(r"\1", piece[1:-1])
    return piece[1:] if piece[0] == "\\" else piece


def _uncommented(text: str) -> str:
    """`text` without comments, for comments inside angle brackets."""
    depth, kept = 0, []
    for piece in _COMMENT.finditer(text):
        if piece[0] == "(":
            depth += 1
        elif piece[0] == ")":
            depth = max(depth - 1, 0)
        elif depth == 0:
            kept.append(piece[0])
    return "".join(kept)
