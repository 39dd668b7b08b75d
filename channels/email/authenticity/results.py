"""Authentication-Results (RFC 8601): what the mail server before us found out about a mail. Pure; nothing raises.

Anybody can write this field, so only the topmost ones count, as many as our server adds, under a name that the
settings give, and above every server that is not ours. All others are as if they were not there (B56).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from channels.email.mail import Headers

LONGEST = 8_192
MOST_RESULTS = 40

_COMMENT = re.compile(r"\(((?:[^()\\]|\\.)*)\)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BY = re.compile(r"(?:^|\s)by\s+([^\s;()]+)", re.IGNORECASE)
_POLICY = re.compile(r"\bp\s*=\s*(none|quarantine|reject)\b", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z][\w-]*(?:\.[\w-]+)?)\s*(?:/\s*\d+\s*)?=\s*([^\s;]*)", re.IGNORECASE)


class Result(NamedTuple):
    """One method and what came of it."""

    method: str
    """spf, dkim, dmarc …, lower case."""
    result: str
    """pass, fail, none, temperror …, lower case."""
    properties: dict[str, str]
    """`header.from`, `header.d`, `smtp.mailfrom` …, names and values in lower case."""
    policy: str = ""
    """Of dmarc: none, quarantine or reject, where it is told."""


def believed(headers: Headers, servers: Sequence[str], fields: int) -> list[Result]:
    """The results that our own server wrote: in the first `fields` fields of this kind, under one of `servers`."""
    found: list[Result] = []
    names = {server.lower() for server in servers}
    seen = 0
    for name, value in headers.fields:
        if name == "received" and not _ours(value, names):
            break
        if name == "authentication-results":
            seen += 1
            server, results = parse(value)
            if server in names:
                found += results
            if seen == fields:
                break
    return found


def parse(value: str) -> tuple[str, list[Result]]:
    """The server that a field names, lower case ('' where it names none, as Microsoft 365 does), and its results."""
    value = value[:LONGEST]
    plain, comments = _without_comments(_QUOTED.sub(lambda quoted: re.sub(r'[;()"\\\s]', "_", quoted[1]), value))
    pieces = plain.split(";")
    words = pieces[0].split()
    server = words[0].lower() if words and "=" not in pieces[0] else ""
    rest = pieces[1:] if "=" not in pieces[0] else pieces
    return server, [result for piece in rest[:MOST_RESULTS] for result in _result(piece, comments)]


def _without_comments(text: str) -> tuple[str, list[str]]:
    """`text` with a number between control characters for each comment, nested ones too, and what they said."""
    comments: list[str] = []

    def keep(comment: re.Match[str]) -> str:
        comments.append(comment[1])
        return f" \x01{len(comments) - 1}\x01 "

    for _ in range(4):
        text, count = _COMMENT.subn(keep, text)
        if not count:
            break
    return text, comments


def _result(piece: str, comments: Sequence[str]) -> Iterator[Result]:
    found = [(name.lower(), value.lower().strip("<>")) for name, value in _PROPERTY.findall(piece)]
    if not found or "." in found[0][0]:
        return
    (method, result), properties = found[0], dict(found[1:])
    policy = ""
    if method == "dmarc":
        said = [comments[int(number)] for number in re.findall(r"\x01(\d+)\x01", piece) if int(number) < len(comments)]
        told = _POLICY.search(" ".join(said))
        policy = told[1].lower() if told else properties.get("policy.dmarc", "")
        policy = policy or _microsoft(properties.get("action", ""))
    yield Result(method, result, properties, policy)


def _microsoft(action: str) -> str:
    """Microsoft 365 tells what it did: `oreject` is a policy of reject that it overrode."""
    return {"none": "none", "quarantine": "quarantine", "reject": "reject", "oreject": "reject"}.get(action, "")


def _ours(received: str, names: set[str]) -> bool:
    """Whether a Received field was written by one of ours, or by a machine that gives itself no name in the DNS."""
    by = _BY.search(received[:LONGEST])
    host = by[1].lower().strip("[].") if by else ""
    if "." not in host or host.replace(".", "").isdigit():
        return True
    return any(_kin(host, name) for name in names if name) or "" in names


def _kin(host: str, name: str) -> bool:
    """Whether two host names end in the same two labels, or one stands below the other."""
    one, other = host.split("."), name.split(".")
    return one[-2:] == other[-2:] if len(other) > 1 else other[0] in one
