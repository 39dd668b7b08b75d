"""Customers who write mails and forms: French and English, new matters and answers, and what machines send among them.

Enters: a seed and a time. Leaves: one `SimulatedMail` or `SimulatedForm` after the other, each with what a judge must
know about it. Nothing fails. The same seed and the same time give the same bytes; another time gives the same letters
with other dates and ids, so that they are new mail.

Sizes, shares and the number of customers follow what support desks see: 2-25 KB with a median about 8, two mails in
three with HTML, one in five with a file, three in ten an answer; few customers write often (Zipf, exponent 1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from gateway.simulated_mime import PROGRAMS, Sheet, compose, report
from gateway.simulated_texts import Letter, Texts, fill, load

SHARES = {"new": 65.0, "reply": 28.0, "repeat": 3.0, "copy": 0.5, "absence": 1.2, "bounce": 1.1, "newsletter": 1.2}
"""Of a hundred mails. Every kind that a mail may have."""
HTML_SHARE = 0.67
FILE_SHARE = 0.20
ZIPF = 1.1
LEAST_BYTES, MEDIAN_BYTES, MOST_BYTES = 2_000, 9_000, 25_000
SPREAD = 0.55
"""Standard deviation of the logarithm of sizes."""
PERSONAL_SHARE = 0.15
"""Customers with an address at one of the large providers; the others write from a firm's domain."""
OPEN_THREADS = 4
LONGEST_CHAIN = 12
APART = timedelta(milliseconds=40)


@dataclass(frozen=True, slots=True)
class SimulatedMail:
    """One mail, and what must become of it."""

    sender: str
    """Envelope sender; '' for the null path."""
    recipient: str
    raw: bytes
    message_id: str
    kind: str
    """new, reply, repeat (the same bytes again), copy (to a second mailbox of ours), absence, bounce or newsletter."""
    parent: str = ""
    """Of a reply: the Message-ID that it answers."""
    root: str = ""
    """Message-ID of the first mail of its thread: a reply belongs into that one's ticket. '' for machine mail."""


@dataclass(frozen=True, slots=True)
class SimulatedForm:
    """One post to the contact form."""

    fields: dict[str, str]
    key: str
    """Its idempotency key. It also stands in the message."""
    language: str


@dataclass(slots=True)
class Thread:
    """One conversation of a customer."""

    ids: list[str]
    subject: str
    text: str
    date: datetime


@dataclass(slots=True)
class Customer:
    """Somebody who writes."""

    name: str
    address: str
    language: str
    program: int
    threads: list[Thread] = field(default_factory=list)


class Customers:
    """All who write in, and what they have written so far.

    `recipients` are addresses of ours; a copy goes to the second one. `count` is how many customers there are.
    """

    def __init__(
        self,
        seed: int,
        *,
        start: datetime,
        recipients: Sequence[str] = ("support@example.org", "support@example.com"),
        count: int = 5_000,
        shares: dict[str, float] = SHARES,
    ) -> None:
        self._random = Random(seed)  # noqa: S311 - reproducible, and protects nothing
        self._texts = load()
        self._now = start
        self._mark = f"{int(start.timestamp() * 1_000):x}"
        self._recipients = tuple(recipients)
        self._noise = self._random.randbytes(65_536)
        self._made = 0
        self._customers = _people(count, self._random, self._texts)
        self._weights = list(accumulate(1 / rank**ZIPF for rank in range(1, count + 1)))
        self._kinds = list(shares)
        self._shares = list(accumulate(shares.values()))
        self._sent: list[SimulatedMail] = []

    def next(self) -> SimulatedMail:
        """The next mail."""
        self._made += 1
        self._now += APART
        kind = self._random.choices(self._kinds, cum_weights=self._shares)[0]
        if kind in ("repeat", "copy") and self._sent:
            return self._again(kind)
        mail = self._machine(kind) if kind in ("absence", "bounce", "newsletter") else self._personal(kind)
        if mail.kind in ("new", "reply"):
            self._sent = [*self._sent[-199:], mail]
        return mail

    def form(self) -> SimulatedForm:
        """The next form."""
        self._made += 1
        self._now += APART
        customer = self._writer()
        letter = self._letter(customer)
        key = f"R-{self._mark}-{self._made:06d}"
        fields = {
            "name": customer.name,
            "email": customer.address,
            "subject": fill(letter.subject, self._random, self._texts, self._now),
            "message": f"{self._say(customer, letter.text)}\n\n({key})",
        }
        return SimulatedForm(fields, key, customer.language)

    def _writer(self) -> Customer:
        return self._random.choices(self._customers, cum_weights=self._weights)[0]

    def _letter(self, customer: Customer) -> Letter:
        letters = [letter for letter in self._texts.mails if letter.language == customer.language]
        return self._random.choice(letters)

    def _personal(self, kind: str) -> SimulatedMail:
        """A mail from a person: a new matter, or an answer to an earlier mail of theirs."""
        customer = self._writer()
        tries = 0
        while kind == "reply" and not customer.threads and tries < 20:
            customer, tries = self._writer(), tries + 1
        if kind == "reply" and customer.threads:
            return self._reply(customer, self._random.choice(customer.threads))
        letter = self._letter(customer)
        text = self._say(customer, letter.text)
        subject = fill(letter.subject, self._random, self._texts, self._now)
        message_id = self._message_id(customer)
        customer.threads = [*customer.threads[1 - OPEN_THREADS :], Thread([message_id], subject, text, self._now)]
        return self._mail(customer, "new", message_id, subject, text)

    def _reply(self, customer: Customer, thread: Thread) -> SimulatedMail:
        """An answer, with the earlier text below it."""
        phrases = self._texts.letters[customer.language]
        message_id, parent = self._message_id(customer), thread.ids[-1]
        fresh = self._say(customer, self._random.choice(phrases.again))
        who = f"{customer.name} <{customer.address}>"
        quoted = "\n".join("> " + line for line in thread.text.split("\n"))
        text = f"{fresh}\n\n{phrases.wrote.format(when=f'{thread.date:%d/%m/%Y %H:%M}', who=who)}\n\n{quoted}"
        mail = self._mail(customer, "reply", message_id, "Re: " + thread.subject, text, thread.ids)
        thread.ids = [thread.ids[0], *[*thread.ids[1:], message_id][-LONGEST_CHAIN:]]
        thread.text, thread.date = fresh, self._now
        return SimulatedMail(
            mail.sender, mail.recipient, mail.raw, message_id, "reply", parent=parent, root=thread.ids[0]
        )

    def _mail(
        self,
        customer: Customer,
        kind: str,
        message_id: str,
        subject: str,
        text: str,
        chain: Sequence[str] = (),
        headers: tuple[str, ...] = (),
    ) -> SimulatedMail:
        rich, attached = self._random.random() < HTML_SHARE, self._random.random() < FILE_SHARE
        size = self._size(rich=rich, attached=attached)
        sheet = Sheet(
            message_id=message_id,
            date=self._now,
            name=customer.name,
            address=customer.address,
            recipient=self._recipients[0],
            subject=subject,
            text=text if rich or attached else self._longer(text, size),
            program=customer.program,
            in_reply_to=chain[-1] if chain else "",
            references=tuple(chain),
            headers=headers,
            html=rich,
            attached=attached,
            size=size,
        )
        raw = compose(sheet, self._random, self._noise)
        return SimulatedMail(customer.address, self._recipients[0], raw, message_id, kind, root=message_id)

    def _machine(self, kind: str) -> SimulatedMail:
        """An out-of-office notice, a bounce or a newsletter."""
        customer = self._writer()
        phrases = self._texts.letters[customer.language]
        domain = customer.address.partition("@")[2]
        if kind == "absence":
            topic = fill(self._letter(customer).subject, self._random, self._texts, self._now)
            text = fill(phrases.absent, self._random, self._texts, self._now) + f"\n{customer.name}"
            subject = phrases.absent_subject.format(subject=topic)
            mark = ("Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All")
            mail = self._mail(customer, kind, self._message_id(customer), subject, text, headers=mark)
            return SimulatedMail("", mail.recipient, mail.raw, mail.message_id, kind)
        if kind == "newsletter":
            firm = domain.partition(".")[0].capitalize()
            editor = Customer(firm, f"news@{domain}", customer.language, 5)
            text = fill(phrases.news, self._random, self._texts, self._now)
            marks = (f"List-Unsubscribe: <https://{domain}/out>", "Precedence: bulk", f"List-Id: <news.{domain}>")
            subject = phrases.news_subject.format(firm=firm)
            return self._mail(editor, kind, self._message_id(editor), subject, text, headers=marks)
        return self._bounce(domain)

    def _bounce(self, domain: str) -> SimulatedMail:
        """A bounce of a mail that somebody sent in our name: its recipient never wrote to us."""
        postmaster = Customer("Mail Delivery System", f"MAILER-DAEMON@{domain}", "en", 5)
        message_id = self._message_id(postmaster)
        gone = f"nobody{self._random.randrange(10_000)}@{domain}"
        sheet = Sheet(
            message_id=message_id,
            date=self._now,
            name=postmaster.name,
            address=postmaster.address,
            recipient=self._recipients[0],
            subject="Undelivered Mail Returned to Sender",
            text=f"Your message could not be delivered to <{gone}>:\n\n550 5.1.1 User unknown\n",
            program=5,
            headers=("Auto-Submitted: auto-replied",),
        )
        return SimulatedMail("", self._recipients[0], report(sheet, gone, self._random), message_id, "bounce")

    def _again(self, kind: str) -> SimulatedMail:
        """A mail of a moment ago once more: the provider's retry, or the same mail to another mailbox of ours."""
        first = self._random.choice(self._sent)
        recipient = self._recipients[-1] if kind == "copy" else first.recipient
        if recipient == first.recipient:
            kind = "repeat"
        return SimulatedMail(first.sender, recipient, first.raw, first.message_id, kind, first.parent, first.root)

    def _say(self, customer: Customer, text: str) -> str:
        """A text as this customer writes it: greeting, matter, perhaps an aside, closing, signature."""
        phrases, draw = self._texts.letters[customer.language], self._random
        parts = [draw.choice(phrases.greetings), text]
        if draw.random() < 0.5:
            parts.append(draw.choice(phrases.padding))
        end = phrases.phone if customer.program == 3 else draw.choice(phrases.closings)
        parts.append(f"{end}\n{customer.name}")
        if customer.program == 0:
            parts.append(f"-- \n{customer.name}\n{customer.address.partition('@')[2]}\n{phrases.disclaimer}")
        return fill("\n\n".join(parts), draw, self._texts, self._now)

    def _longer(self, text: str, size: int) -> str:
        """A plain text brought near its size by what people paste into mails: log lines."""
        missing = min(size - len(text) - 1_100, 6_000)
        count = max(0, missing) // 72
        lines = [
            f"{self._now:%Y-%m-%d %H:%M:%S}.{number:03d} WARN sync: try {number} of {count} timed out"
            for number in range(count)
        ]
        return "\n".join([text, "", *lines]) if lines else text

    def _size(self, *, rich: bool, attached: bool) -> int:
        scale = 1.0 if rich else 0.75
        if attached:
            scale = 1.6
        size = MEDIAN_BYTES * scale * math.exp(self._random.gauss(0, SPREAD))
        return int(min(max(size, LEAST_BYTES), MOST_BYTES))

    def _message_id(self, customer: Customer) -> str:
        domain = customer.address.partition("@")[2]
        return f"{self._random.getrandbits(48):x}.{self._mark}.{self._made}@{domain}"


def _people(count: int, random: Random, texts: Texts) -> list[Customer]:
    """`count` customers with an address each."""
    people, taken = [], set()
    for number in range(count):
        first, last = random.choice(texts.people.first), random.choice(texts.people.last)
        if random.random() < PERSONAL_SHARE:
            domain = random.choice(texts.people.providers)
        else:
            domain = f"{random.choice(texts.people.firms)}-{random.choice(texts.people.places)}.example"
            domain = f"{domain.partition('.')[0]}{number % 3 or ''}.example"
        local = _ascii(f"{first}.{last}")
        address = f"{local}@{domain}"
        if address in taken:
            address = f"{local}{number}@{domain}"
        taken.add(address)
        language = "fr" if random.random() < 0.6 else "en"
        people.append(Customer(f"{first} {last}", address, language, random.randrange(len(PROGRAMS))))
    return people


_PLAIN = str.maketrans("éèêëàâäîïôöûüùçœÉÈÊ", "eeeeaaaiioouuucoEEE", " ’'")


def _ascii(name: str) -> str:
    """A name as it stands in an address."""
    return name.translate(_PLAIN).encode("ascii", "ignore").decode().lower()
