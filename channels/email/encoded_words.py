"""Encoded words in header values (RFC 2047, with the language suffix of RFC 2231 §5): text in, text out, no errors.

Lenient as mail is: words are decoded inside quotes and without white space around them, words of one charset that
follow each other are joined before decoding (mailers split inside multi-byte characters), broken base64 is repaired.
Linear in the value; at most 200 words of a value are decoded (a word is a dozen bytes and may cost kilobytes).
"""

from __future__ import annotations

import binascii
import re

from channels.email import charset

MAX_VALUE = 8192
"""Characters of one header value that are looked at."""
MAX_WORDS = 200

_START = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")


def decode(value: str) -> str:
    """`value` with its encoded words decoded; control characters and tabs become spaces."""
    if "=?" in value:
        value = _decode_words(value[:MAX_VALUE])
    elif len(value) > MAX_VALUE:
        value = value[:MAX_VALUE]
    return tidy(value)


def tidy(value: str) -> str:
    """Without control characters: tabs and line breaks become spaces, others vanish."""
    if value.isprintable():
        return value.strip()
    return "".join(map(_printable, value)).strip()


def _printable(character: str) -> str:
    if character in "\t\r\n":
        return " "
    return character if character.isprintable() or character > "\x9f" else ""


def _decode_words(value: str) -> str:
    done: list[str] = []
    run: list[tuple[str, str]] = []
    """Encoding and text of neighbouring words in one charset."""
    label = ""
    position = words = 0
    while words < MAX_WORDS:
        start = _START.search(value, position)
        end = value.find("?=", start.end()) if start else -1
        if start is None or end < 0:
            break
        words += 1
        between = value[position : start.start()]
        word_label = start[1].partition("*")[0].lower()
        if run and (between.strip() or word_label != label):
            done.append(charset.decode(_bytes(run), label))
            run = []
        if between and not (words > 1 and between.isspace()):
            done.append(between)
        label = word_label
        run.append((start[2].lower(), value[start.end() : end]))
        position = end + 2
    done.append(charset.decode(_bytes(run), label))
    done.append(value[position:])
    return "".join(done)


def _bytes(run: list[tuple[str, str]]) -> bytes:
    """The bytes of neighbouring words. Base64 without padding goes on in the next word: some mailers cut anywhere."""
    done: list[bytes] = []
    open_text = ""
    for place, (encoding, text) in enumerate(run):
        if encoding == "q":
            done.append(binascii.a2b_qp(text.encode("utf-8", "replace"), header=True))
            continue
        open_text += text
        if text.endswith("=") or place + 1 == len(run) or run[place + 1][0] == "q":
            done.append(_from_base64(open_text))
            open_text = ""
    return b"".join(done)


def _from_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except ValueError:  # binascii.Error for broken padding, ValueError for text beyond ASCII
        text = _NOT_BASE64.sub("", text)
        text = text[:-1] if len(text) % 4 == 1 else text
        return binascii.a2b_base64(text + "=" * (-len(text) % 4))
