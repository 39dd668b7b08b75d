"""Bytes in, text out, whatever charset they claim. Nothing raises.

The label is believed where it can be true; where it cannot, the bytes decide: UTF-8 when they are valid UTF-8, else
Windows-1252 for Western-looking text, else the charset in which a short sample reads most naturally. The text never
holds NUL or lone surrogates (PostgreSQL takes neither).
"""

from __future__ import annotations

import codecs
import io
import re
from functools import lru_cache
from itertools import islice

_ALIASES = {
    "ansi-x3.110-1983": "cp1252",
    "ansi-x3.4-1968": "us-ascii",
    "ascii": "us-ascii",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "chinesebig5": "cp950",
    "cp-850": "cp850",
    "euc-kr": "cp949",
    "gb-2312-80": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hebrew": "iso-8859-8",
    "hz-gb-2312": "hz",
    "iso-8859-1": "cp1252",
    "iso-8859-11": "cp874",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso-ir-100": "cp1252",
    "koi8": "koi8-r",
    "ks-c-5601": "cp949",
    "ks-c-5601-1987": "cp949",
    "ksc5601": "cp949",
    "l1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "logical": "iso-8859-8",
    "macintosh": "mac_roman",
    "ms-kanji": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "tis-620": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-2-0-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "visual": "iso-8859-8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "windows-936": "gb18030",
    "windows-949": "cp949",
    "x-big5": "cp950",
    "x-euc-jp": "euc-jp",
    "x-gbk": "gb18030",
    "x-mac-ce": "mac_latin2",
    "x-mac-centraleurroman": "mac_latin2",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-greek": "mac_greek",
    "x-mac-japanese": "cp932",
    "x-mac-roman": "mac_roman",
    "x-mac-simp-chinese": "gb18030",
    "x-mac-trad-chinese": "cp950",
    "x-mac-turkish": "mac_turkish",
    "x-mac-ukrainian": "mac_cyrillic",
    "x-ms-cp932": "cp932",
    "x-sjis": "cp932",
    "x-windows-874": "cp874",
    "x-windows-949": "cp949",
}
"""Labels seen in mail (with '-' for '_') that Python does not know, or knows as a narrower charset than is meant."""
_NOT_CHARSETS = frozenset(
    {
        "base64",
        "bz2",
        "hex",
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "quopri",
        "raw-unicode-escape",
        "rot-13",
        "rot13",
        "undefined",
        "unicode-escape",
        "uu",
        "zlib",
    }
)
"""Codecs of the standard library that are no charsets; '_' and '-' are the same here."""

_UNTIDY = re.compile(r"[^a-z0-9._:+-]")
_WINDOWS = re.compile(r"(?:x-)?(?:windows|win|cp|ibm)[-_ ]?(\d{3,4})$")
_ISO_8859 = re.compile(r"(?:x-)?iso[-_]?8859[-_](\d{1,2})(?::\d+)?$")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ISO_2022_JP_SHIFT = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJIH])")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-z0-9_:.-]{1,40})", re.IGNORECASE)
_CJK = "[\u2010-\u2312\u2500-\u266f\u3000-\u30fe\u4e00-\u9fff\uac00-\ud7a3\uff01-\uffe5\x80-\xff\u0391-\u0451]"
_KANA = "[\u3041-\u3096\u30a1-\u30fc]"
_HAN = "[\u4e00-\u9fff]"
_SCRIPTS = tuple(
    (name, re.compile(letter), re.compile(sign), share)
    for name, letter, sign, share in (
        ("euc_jp", _CJK, _KANA, 0.2),
        ("cp932", _CJK, _KANA, 0.2),
        ("cp1255", "(?<![\u05da\u05dd\u05df\u05e3\u05e5])[\u05d0-\u05ea]|[\xa0\u2010-\u2030]", "[\u05d0-\u05ea]", 0.9),
        ("cp949", _CJK, "[\uac00-\ud7a3]", 0.85),
        ("gb2312", _CJK, _HAN, 0.6),
        ("cp874", "[\u0e01-\u0e5b\xa0](?![@-~])", "[\u0e01-\u0e1f]", 0.25),
        ("cp950", _CJK, _HAN, 0.6),
        ("gb18030", _CJK, _HAN, 0.6),
    )
)
"""Charset, all that may stand in its texts beyond ASCII, what is typical of them, and how much of it there must be.

Few texts of another kind are valid in them by chance; the order says which to believe where several are possible.
"""
_ALPHABETS = tuple(script for script in _SCRIPTS if script[0] in ("cp1255", "cp874"))
_SMALL_LETTERS = tuple(
    (name, re.compile(small))
    for name, small in (
        ("cp1251", "[\u0430-\u044f\u0451\u0454\u0456]"),
        ("koi8-r", "[\u0430-\u044f\u0451]"),
        ("iso8859-5", "[\u0430-\u044f\u0451]"),
        ("cp866", "[\u0430-\u044f\u0451]"),
        ("cp1253", "[\u03ac-\u03ce]"),
        ("cp1256", "[\u0621-\u064a]"),
    )
)
"""What is a small letter in one of these is a capital or no letter in the others."""
_ASCII = bytes(range(0x80))
_HIGH_BIT = bytes(byte | 0x80 for byte in range(256))
_SAMPLE = 4096
_MAX_SHIFTS = 200_000
"""Stretches of ISO-2022-JP that are told apart where its codec gives up."""
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BEGIN_MARK = (b"\xef", b"\xff", b"\xfe")
_WESTERN = frozenset({"cp1252", "us-ascii"})
_COMMON = frozenset({"utf-8", "", *_WESTERN})
_USUAL_ENDS = ("\r\n", ("\n", "\r\n"))
_SINGLE_BYTE = ("iso8859", "cp125", "cp43", "cp85", "cp86", "cp874", "koi8", "mac")
_JAPANESE = frozenset({"cp932", "euc_jp", "shift_jis"})
_MAY_YIELD_SURROGATES = frozenset({"utf-7", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})


@lru_cache(maxsize=256)
def codec(label: str) -> str:
    """The Python codec for a charset label as seen in mail, '' where there is none (or it is no charset)."""
    name = _UNTIDY.sub("", label[:60].lower().replace("_", "-")).strip("-.:")
    windows = _WINDOWS.match(name)
    iso = _ISO_8859.match(name)
    if windows:
        name = f"windows-{windows[1]}" if f"windows-{windows[1]}" in _ALIASES else f"cp{windows[1]}"
    elif iso:
        name = f"iso-8859-{iso[1]}"
    name = _ALIASES.get(name, name)
    if not name or name.removesuffix("-codec") in _NOT_CHARSETS:
        return ""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    if known.replace("_", "-").removesuffix("-codec") in _NOT_CHARSETS:
        return ""
    return {"ascii": "us-ascii", "iso8859-1": "cp1252"}.get(known, known)


def decode(data: bytes, label: str = "") -> str:
    """`data` as text, `label` being the charset that it claims. Never raises."""
    name = codec(label) if label else ""
    if b"\x1b" in data and b"\x1b$" in data and (not name or name in _WESTERN) and data.isascii():
        name = "iso2022_jp"
    if data[:1] in _BEGIN_MARK and data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        data, name = _without_mark(data, name)
    if name in _COMMON:
        text = _decode_common(data, name)
        return _clean(text) if b"\0" in data else text  # a byte is found sooner than a wide character
    try:
        text = data.decode("utf-8" if _is_really_utf_8(data, name) else name)
    except (UnicodeError, ValueError):
        text = _decode_mislabelled(data, name)
    if name in _MAY_YIELD_SURROGATES:
        text = _SURROGATES.sub("\ufffd", text)
    return _clean(text)


def lines(text: str) -> str:
    """`text` with LF as its only line end, whatever they were: CRLF, CR, or the CR CR LF of a doubled conversion."""
    if "\r" not in text:
        return text
    universal = io.IncrementalNewlineDecoder(None, translate=True)
    done = universal.decode(text, final=True)
    if universal.newlines in _USUAL_ENDS:
        return done
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")


def declared_in_html(data: bytes) -> str:
    """The charset that an HTML document names in its own head, '' where it names none."""
    found = _META_CHARSET.search(data, 0, 2048)
    return found[1].decode("ascii") if found else ""


def is_text(data: bytes) -> bool:
    """Whether `data` reads as UTF-8 text without control characters: enough to show it to people."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(byte < 9 or 13 < byte < 27 for byte in data[:_SAMPLE])


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _without_mark(data: bytes, name: str) -> tuple[bytes, str]:
    """Drop a byte order mark and believe it, unless a single-byte charset was declared (ÿþ may be text there)."""
    for mark, marked in _BOMS:
        if data.startswith(mark) and (marked == "utf-8" or name in ("", "utf-16", "utf-8", "utf-16-le", "utf-16-be")):
            return data[len(mark) :], marked
    return data, name


def _decode_common(data: bytes, name: str) -> str:
    """UTF-8 where it is valid, though the label be another Western one: mislabelled UTF-8 is far likelier than 'Ã©'."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 3 and error.reason == "unexpected end of data"
        if cut and name not in _WESTERN and not data[: error.start].isascii():
            return data.decode("utf-8", "replace")  # cut within the last character
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") * 3 < sum(1 for character in text if character > "\x7f"):
        return text  # UTF-8 with some damage: in no other charset do high bytes come in such sequences
    return _windows_1252(data) if name == "cp1252" else _guess(data)


def _is_really_utf_8(data: bytes, name: str) -> bool:
    """Whether what claims to be in a charset of one byte a letter is UTF-8: hardly a text in one of them is valid."""
    return name.startswith(_SINGLE_BYTE) and not data.isascii() and _strict(data, "utf-8")


def _windows_1252(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _decode_mislabelled(data: bytes, name: str) -> str:
    """Text whose declared charset cannot be wholly true: the nearest relative first, then UTF-8, then with marks."""
    if name.startswith("iso2022_jp"):
        return _iso_2022_jp(data)
    if name == "cp950" and _strict(data, "big5hkscs"):
        return data.decode("big5hkscs")
    for relative in ("utf-8", "euc_jp", "cp932") if name in _JAPANESE else ("utf-8",):
        if not data.isascii() and _strict(data, relative):
            return data.decode(relative)
    try:
        return data.decode(name, "replace")
    except (UnicodeError, ValueError):
        return _guess(data)


def _strict(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeError:
        return False
    return True


def _iso_2022_jp(data: bytes) -> str:
    """ISO-2022-JP as mailers really write it: with NEC's special characters and half-width katakana (CP50221)."""
    text = io.StringIO()
    shift, position = b"", 0
    for found in islice(_ISO_2022_JP_SHIFT.finditer(data), _MAX_SHIFTS):
        text.write(_shifted(data[position : found.start()], shift))
        shift, position = found[1], found.end()
    text.write(_shifted(data[position:], shift))
    return text.getvalue()


def _shifted(piece: bytes, shift: bytes) -> str:
    """A stretch of ISO-2022-JP as the escape sequence before it says."""
    if shift in (b"$@", b"$B"):
        return piece.translate(_HIGH_BIT, b"\r\n").decode("euc_jis_2004", "replace")
    if shift == b"$(D":
        return (b"\x1b$(D" + piece).decode("iso2022_jp_ext", "replace")
    if shift == b"(I":
        return piece.translate(_HIGH_BIT).decode("cp932", "replace")
    return decode(piece, "cp932")


def _guess(data: bytes) -> str:
    """Text in an unknown charset. Few bytes above 127 look Western; many are some other script."""
    if b"\x1b$" in data and b"\x1b(" in data:
        return _iso_2022_jp(data)
    if _strict(data, "utf-8"):
        return data.decode("utf-8")
    sample = data[:_SAMPLE]
    letters = sum(1 for byte in sample if byte > 0x40)
    high = sum(1 for byte in sample if byte > 0x7F)
    foreign = high * 10 >= letters * 3 if high >= 6 else high >= 4 and high * 10 >= letters * 8 and _all_letters(sample)
    name = _likely(sample) if foreign else "cp1252"
    return data.decode(name, "replace")


def _all_letters(sample: bytes) -> bool:
    """Whether the high bytes of `sample` are the letters of an alphabet, which lie at the top.

    Of East Asian text, with its pairs of bytes, hardly any lies there as a whole.
    """
    return min(sample.translate(None, _ASCII), default=0) >= 0xC0


def _likely(sample: bytes) -> str:
    """The charset in which `sample` reads most like its script."""
    for name, letter, sign, share in _ALPHABETS if _all_letters(sample) else _SCRIPTS:
        text = sample.decode(name, "replace")[: -2 if len(sample) > 20 else None]  # the last character may be cut
        strange = sum(1 for character in text if character > "\x7f")
        valid = "\ufffd" not in text and len(letter.findall(text)) == strange
        if strange and valid and len(sign.findall(text)) >= share * strange:
            return name
    scores = [(len(small.findall(sample.decode(name, "replace"))), name) for name, small in _SMALL_LETTERS]
    best, name = max(scores, key=lambda score: score[0])
    return name if best * 2 > sum(1 for byte in sample if byte > 0x7F) else "cp1252"
