"""Mails that Python's own email package writes, in all its manners, with what their sender meant.

Enters: a source of chance. Leaves: a `Letter`: the bytes, and the words and files that a reader must find in them.
"""

# ruff: noqa: RUF001 - these are the letters of other scripts, and meant

from __future__ import annotations

from dataclasses import dataclass, field
from email import charset as charsets
from email import policy
from email.header import Header
from email.message import EmailMessage, Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formataddr
from random import Random

WRITINGS = {
    ("utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"): (
        "Réponse à votre question", "Où est ma commande ?", "L'été à Évry : « déjà vu »",
        "Größe und Maße", "¿Qué tal, señor?",
    ),
    ("utf-8", "windows-1252"): ("“Hello” – it’s 5 € …", "Œuvre d’été", "naïve façade — 100 €"),
    ("utf-8", "koi8-r", "windows-1251", "iso-8859-5"): ("Здравствуйте, где мой заказ?", "Вопрос по счету"),
    ("utf-8", "iso-2022-jp", "shift_jis", "euc-jp"): (
        "注文についてのお問い合わせ", "お世話になっております。山田です。",
    ),
    ("utf-8", "gb2312", "gbk", "gb18030"): ("您好，我的订单在哪里？", "谢谢您的帮助"),
    ("utf-8", "big5"): ("您好，我的訂單在哪裡？",),
    ("utf-8", "euc-kr"): ("안녕하세요, 주문에 대해 문의드립니다.",),
    ("utf-8", "iso-8859-2", "windows-1250"): ("Zażółć gęślą jaźń", "Příliš žluťoučký kůň"),
    ("utf-8", "iso-8859-7", "windows-1253"): ("Πού είναι η παραγγελία μου;",),
    ("utf-8", "iso-8859-8", "windows-1255"): ("שלום, איפה ההזמנה שלי?",),
    ("utf-8", "windows-1256"): ("مرحبا، أين طلبي؟",),
    ("utf-8",): ("Emoji 😀 and 漢字 together", "plain and ✓"),
    ("us-ascii", "utf-8", "iso-8859-1"): (
        "Where is my order?", "Re: [#123] it's broken", 'He said "no", twice', "a very long subject " * 9,
        "tabs\tand  two spaces",
    ),
}  # fmt: skip
"""Charsets, and words that each of them can write."""
NAMES = ("Ann Lee", "Lee, Ann", 'Ann "the boss" Lee', "Renée Müller", "山田 太郎", "Иван Петров", "O'Neil (Sales)", "")
FILES = (
    "facture.pdf",
    "a b.pdf",
    "café crème.pdf",
    "日本語の書類.pdf",
    "отчёт за 2026 год.pdf",
    'it\'s "it".pdf',
    "x" * 120 + ".pdf",
)
POLICIES = {
    "default": policy.default,
    "smtp": policy.SMTP,
    "smtputf8": policy.SMTPUTF8,
    "long lines": policy.default.clone(max_line_length=998),
    "seven bits": policy.SMTP.clone(cte_type="7bit"),
}


@dataclass(slots=True)
class Letter:
    """One mail, and what its sender meant."""

    raw: bytes
    subject: str
    name: str
    address: str
    text: str
    html: str = ""
    files: list[tuple[str, bytes]] = field(default_factory=list)
    manner: str = ""


def compose(chance: Random) -> Letter:
    """One letter. The same chance gives the same one."""
    return _modern(chance) if chance.random() < 0.6 else _old(chance)


def _words(chance: Random) -> tuple[str, str, str]:
    """A charset, a subject and a body that it can write."""
    labels, words = chance.choice(list(WRITINGS.items()))
    label = chance.choice(labels)
    lines = [chance.choice(words) for _ in range(chance.randrange(1, 9))]
    gap = chance.choice(("\n", "\n\n", " "))
    return label, chance.choice(words), gap.join(lines)


def _file(chance: Random) -> tuple[str, bytes]:
    return chance.choice(FILES), chance.randbytes(chance.choice((0, 1, 2, 3, 57, 58, 1000)))


def _modern(chance: Random) -> Letter:
    """By `EmailMessage`, under one of the policies."""
    manner = chance.choice(list(POLICIES))
    label, subject, text = _words(chance)
    name, address = chance.choice(NAMES), "ann.lee@example.org"
    message = EmailMessage(policy=POLICIES[manner])
    message["Subject"] = " ".join(subject.split())
    message["From"] = formataddr((name, address)) if name.isascii() else f"{name} <{address}>"
    message["To"] = "support@example.org"
    encoding = chance.choice(("quoted-printable", "base64", "8bit" if manner != "seven bits" else "base64"))
    message.set_content(text, charset=label, cte=encoding)
    letter = Letter(b"", subject, name, address, text, manner=f"{manner}, {label}, {encoding}")
    if chance.random() < 0.5:
        letter.html = f"<html><body><p>{text}</p></body></html>"
        message.add_alternative(
            letter.html, subtype="html", charset="utf-8", cte=chance.choice(("quoted-printable", "base64"))
        )
    for _ in range(chance.choice((0, 0, 1, 2))):
        filename, content = _file(chance)
        message.add_attachment(content, maintype="application", subtype="pdf", filename=filename)
        letter.files.append((filename, content))
    letter.raw = _bytes(message, chance)
    return letter


def _old(chance: Random) -> Letter:
    """By the classes of old and their own ways of encoding."""
    label, subject, text = _words(chance)
    name, address = chance.choice(NAMES), "ann.lee@example.org"
    encoding = chance.choice((charsets.QP, charsets.BASE64))
    letter = Letter(b"", subject, name, address, text, manner=f"old, {label}, {encoding}")
    body: Message = _old_text(text, "plain", label, encoding)
    if chance.random() < 0.5:
        letter.html = f"<p>{text}</p>"
        both = MIMEMultipart("alternative")
        both.attach(body)
        both.attach(_old_text(letter.html, "html", label, encoding))
        body = both
    for _ in range(chance.choice((0, 0, 1, 2))):
        filename, content = _file(chance)
        outer = body if body.get_content_type() == "multipart/mixed" else MIMEMultipart("mixed")
        if outer is not body:
            outer.attach(body)
        part = MIMEApplication(content, "pdf")
        quoting = chance.choice(("utf-8", None))
        plain = filename if filename.isascii() else (quoting or "utf-8", "fr", filename)
        part.add_header("Content-Disposition", "attachment", filename=plain)
        outer.attach(part)
        letter.files.append((filename, content))
        body = outer
    body["Subject"] = Header(" ".join(subject.split()), label)
    body["From"] = formataddr((name, address))
    body["To"] = "support@example.org"
    letter.raw = _bytes(body, chance)
    if chance.random() < 0.5:
        letter.raw = letter.raw.replace(b"\n", b"\r\n")
    return letter


def _bytes(message: Message, chance: Random) -> bytes:
    """The mail, with boundaries of our choosing: the standard library's are different each time."""
    for part in message.walk():
        if part.is_multipart():
            part.set_boundary(f"=_{chance.getrandbits(64):x}")
    return message.as_bytes()


def _old_text(text: str, subtype: str, label: str, encoding: int) -> MIMEText:
    kind = charsets.Charset(label)
    if kind.body_encoding is not None:  # ISO-2022-JP has seven bits and needs none
        kind.body_encoding = encoding
    return MIMEText(text, subtype, kind)  # type: ignore[arg-type]
