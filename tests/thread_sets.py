"""Sets of mails with known threads: what customers, colleagues, lists and strangers send to one desk.

`sets(seed)` makes them; each mail says which thread it belongs to. Nothing in here knows how Guichet threads: a thread
is what a person who reads all mails would lay on one pile, and a stranger is whoever that person would not let in.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

DESK = "support@example.org"
FIRST = ("Claire", "Paul", "Nadia", "Jürgen", "Ana", "Tom", "Inès", "Luca", "Zoé", "Marek", "Femke", "Olu")
LAST = ("Martin", "Durand", "Okafor", "Weiß", "Silva", "Baker", "Rossi", "Nowak", "Visser", "Haddad", "Lind", "Roy")
MATTERS = (
    "Facture fausse", "Wrong invoice", "Commande en retard", "Where is my parcel", "Accès refusé", "Login fails",
    "Panne du serveur", "Cancel my contract", "Remboursement", "Question", "Devis", "Broken lamp",
)  # fmt: skip
ANSWERS = ("Re", "RE", "Re", "AW", "Rép", "SV", "Re[2]", "R", "Antw", "RE ")
CLIENTS = ("whole", "whole", "whole", "parent", "parent", "truncated", "folded", "crowded")


@dataclass(slots=True)
class Piece:
    """One mail and the pile on which it belongs."""

    thread: str
    mail: EmailMessage
    sender: str
    stranger: bool = False
    """True: it must stay out of every thread but its own."""


@dataclass(slots=True)
class Writing:
    """A set on its way: a clock, a source of chance, and all that was written."""

    chance: random.Random
    pieces: list[Piece] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    people: int = 0
    tribe: str = "p"
    """How the addresses of this set's people begin, so that no two sets share one."""

    def person(self, domain: str = "") -> str:
        """Somebody new, `Name <address>`."""
        self.people += 1
        first, last = self.chance.choice(FIRST), self.chance.choice(LAST)
        domain = domain or self.chance.choice(("gmail.com", "orange.fr", f"firm{self.people}.test", "acme.test"))
        return f"{first} {last} <{self.tribe}{self.people}@{domain}>"

    def identifier(self, sender: str) -> str:
        return f"<{self.chance.getrandbits(64):x}.{len(self.pieces)}@{address(sender).partition('@')[2]}>"

    def write(
        self,
        thread: str,
        sender: str,
        subject: str,
        *,
        to: str = DESK,
        cc: Sequence[str] = (),
        answers: Sequence[str] = (),
        client: str = "",
        seen: bool = True,
        stranger: bool = False,
        **headers: str,
    ) -> str:
        """Add a mail that answers the ids `answers` (oldest first) as some mail program does it; its id."""
        self.now += timedelta(minutes=self.chance.randrange(1, 400))
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        if cc:
            mail["Cc"] = ", ".join(cc)
        mail["Date"] = format_datetime(self.now)
        mail["Message-ID"] = name = self.identifier(sender)
        for header, value in (referring(answers, client or self.chance.choice(CLIENTS)) if answers else {}).items():
            mail[header] = value
        for header, value in headers.items():
            mail[header.replace("_", "-")] = value
        mail.set_content(f"{subject} {self.chance.getrandbits(40):x}\n")
        if seen:
            self.pieces.append(Piece(thread, mail, address(sender), stranger))
        return name


def address(person: str) -> str:
    return person.rpartition("<")[2].rstrip(">")


def referring(ids: Sequence[str], client: str) -> dict[str, str]:
    """The threading headers that a kind of program writes."""
    if client == "parent":
        return {"In-Reply-To": ids[-1]}
    if client == "truncated":
        return {"In-Reply-To": ids[-1], "References": " ".join(ids[-2:])}
    if client == "folded":
        return {"References": " ".join(f"{name} (x)" for name in ids)}
    if client == "crowded":
        return {"In-Reply-To": " ".join(ids[-2:]), "References": ",".join(ids)}
    return {"In-Reply-To": ids[-1], "References": " ".join(ids)}


def answered(chance: random.Random, subject: str) -> str:
    return f"{chance.choice(ANSWERS)}: {subject}"


# Stories. Each writes one thread (or several that must stay apart).


def dialogue(w: Writing, name: str) -> None:
    """A customer and the desk's agent, whose mails are not all seen here."""
    customer, subject = w.person(), f"{w.chance.choice(MATTERS)} {w.chance.randrange(999)}"
    ids = [w.write(name, customer, subject)]
    for _ in range(w.chance.randrange(1, 6)):
        agent = f"Support <{DESK}>"
        ids.append(
            w.write(
                name, agent, f"Re: {subject}", to=customer, answers=ids, seen=w.chance.random() < 0.3, client="whole"
            )
        )
        ids.append(w.write(name, customer, answered(w.chance, subject), answers=ids))


def colleagues(w: Writing, name: str) -> None:
    """A customer writes with colleagues in copy, who answer all, or only to us."""
    firm = f"firm{w.chance.randrange(10**6)}.test"
    people = [w.person(firm) for _ in range(w.chance.randrange(2, 5))]
    subject = f"{w.chance.choice(MATTERS)} {w.chance.randrange(999)}"
    ids = [w.write(name, people[0], subject, cc=people[1:])]
    for _ in range(w.chance.randrange(1, 6)):
        who = w.chance.choice(people)
        others = [one for one in people if one != who]
        ids.append(w.write(name, who, answered(w.chance, subject), cc=w.chance.choice((others, [])), answers=ids))


def forwarded_to_a_colleague(w: Writing, name: str) -> None:
    """Somebody who was not in copy answers all: the customer had forwarded the mail inside the firm."""
    firm = f"firm{w.chance.randrange(10**6)}.test"
    customer, colleague = w.person(firm), w.person(firm)
    subject = f"{w.chance.choice(MATTERS)} {w.chance.randrange(999)}"
    ids = [w.write(name, customer, subject)]
    ids.append(w.write(name, customer, f"Fwd: {subject}", to=colleague, answers=ids, seen=False))
    ids.append(w.write(name, colleague, answered(w.chance, subject), cc=[customer], answers=ids, client="whole"))
    ids.append(w.write(name, customer, answered(w.chance, subject), cc=[colleague], answers=ids))
    w.write(name, colleague, answered(w.chance, subject), answers=ids)


def mailing_list(w: Writing, name: str) -> None:
    """A list on which we read along; its members answer each other."""
    domain = f"lists{w.chance.randrange(10**6)}.test"
    where, head = f"users@{domain}", {"List_Id": f"Users <users.{domain}>"}
    subject = f"[users] {w.chance.choice(MATTERS)} {w.chance.randrange(999)}"
    ids = [w.write(name, w.person(), subject, to=where, **head)]
    for _ in range(w.chance.randrange(2, 8)):
        ids.append(w.write(name, w.person(), f"Re: {subject}", to=where, answers=ids, **head))


def old_list(w: Writing, name: str) -> None:
    """A list of old, which writes nothing into the headers; answers go to it alone, or to the last writer as well."""
    where = f"gardeners@old{w.chance.randrange(10**6)}.test"
    people = [w.person() for _ in range(4)]
    subject, last = f"{w.chance.choice(MATTERS)} {w.chance.randrange(999)}", people[0]
    ids = [w.write(name, last, subject, to=where)]
    for _ in range(w.chance.randrange(2, 6)):
        who = w.chance.choice(people)
        ids.append(w.write(name, who, f"Re: {subject}", to=where, cc=w.chance.choice(([last], [])), answers=ids))
        last = who


def second_address(w: Writing, name: str) -> None:
    """A customer who says from the beginning where answers are to go, and goes on from there."""
    customer, other, subject = w.person(), w.person(), w.chance.choice(MATTERS)
    ids = [w.write(name, customer, subject, Reply_To=other)]
    w.write(name, other, answered(w.chance, subject), answers=ids)


def thief_at_an_alias(w: Writing, name: str) -> None:
    """Everybody writes to an address that leads to the desk, and that the desk does not know."""
    alias, subject = (
        f"{w.chance.choice(('help', 'contact', 'sav', 'kundenservice'))}@shop.test",
        w.chance.choice(MATTERS),
    )
    ids = [w.write(name, w.person(), subject, to=alias)]
    w.write(f"{name}.spy", w.person("evil.test"), f"Re: {subject}", to=alias, answers=ids, stranger=True)


def unseen_root(w: Writing, name: str) -> None:
    """Two answers of one person to a mail that never came here."""
    customer, subject = w.person(), w.chance.choice(MATTERS)
    root = w.write(name, f"Agent <{DESK}>", subject, to=customer, seen=False)
    first = w.write(name, customer, answered(w.chance, subject), answers=[root])
    w.write(name, customer, answered(w.chance, subject), answers=[root, first] if w.chance.random() < 0.5 else [root])


def without_ids(w: Writing, name: str) -> None:
    """A program that writes no threading headers at all."""
    customer, friend = w.person(), w.person()
    subject = f"{w.chance.choice(MATTERS)} {w.chance.randrange(9999)}"
    w.write(name, customer, subject, cc=[friend])
    for _ in range(w.chance.randrange(1, 3)):
        w.write(name, w.chance.choice((customer, friend)), answered(w.chance, subject))


def exchange(w: Writing, name: str) -> None:
    """A server that gives each mail a new id: only Outlook's own mark is left."""
    customer, subject = w.person(), w.chance.choice(MATTERS)
    root = bytes([1]) + w.chance.randbytes(21)
    for place in range(w.chance.randrange(2, 5)):
        index = base64.b64encode(root + w.chance.randbytes(5 * place)).decode()
        lost = [f"<{w.chance.getrandbits(60):x}@relay.test>"] if place else []
        w.write(
            name,
            customer,
            f"RE: {subject}" if place else subject,
            answers=lost,
            Thread_Index=index,
            Thread_Topic=subject,
        )


def drift(w: Writing, name: str) -> None:
    """The subject becomes another one while the conversation goes on."""
    customer = w.person()
    ids = [w.write(name, customer, w.chance.choice(MATTERS))]
    for _ in range(3):
        ids.append(w.write(name, customer, f"{w.chance.choice(MATTERS)} {w.chance.randrange(99)}", answers=ids))


def decorated(w: Writing, name: str) -> None:
    """One mailbox under several spellings."""
    subject = w.chance.choice(MATTERS)
    number = w.chance.randrange(10**6)
    ids = [w.write(name, f"Lea <lea.petit{number}@gmail.com>", subject)]
    ids.append(w.write(name, f"Lea <leapetit{number}+shop@googlemail.com>", answered(w.chance, subject), answers=ids))
    w.write(name, f"LEA <Lea.Petit{number}@GMail.com>", answered(w.chance, subject), answers=ids)


def same_subject_twice(w: Writing, name: str) -> None:
    """One customer, two matters, one subject: each answer names its own."""
    customer, subject = w.person(), w.chance.choice(MATTERS)
    roots = [w.write(f"{name}.{n}", customer, subject) for n in range(2)]
    for n, root in enumerate(roots):
        w.write(f"{name}.{n}", customer, answered(w.chance, subject), answers=[root])


def newsletter(w: Writing, name: str) -> None:
    """Many answer one mail of ours that did not go out through Guichet: each is a matter of its own."""
    news = w.write(name, f"News <{DESK}>", "Our spring offers", to="all@example.net", seen=False)
    for n in range(w.chance.randrange(3, 8)):
        reader = w.person()
        first = w.write(f"{name}.{n}", reader, "Re: Our spring offers", answers=[news], stranger=True)
        if w.chance.random() < 0.5:
            w.write(f"{name}.{n}", reader, "Re: Our spring offers", answers=[news, first], stranger=True)


def notices(w: Writing, name: str) -> None:
    """One customer answers two notices of a shop that have one subject: two matters."""
    customer = w.person()
    for n in range(2):
        notice = w.write(name, "Shop <no-reply@shop.test>", "Your order", to=customer, seen=False)
        w.write(f"{name}.{n}", customer, "Re: Your order", answers=[notice])


def thief(w: Writing, name: str) -> None:
    """A stranger who has got hold of ids and the number of a ticket."""
    customer, subject = w.person(), f"{w.chance.choice(MATTERS)} {w.chance.randrange(999)}"
    ids = [w.write(name, customer, subject)]
    ids.append(w.write(name, customer, answered(w.chance, subject), answers=ids))
    spy = f"{customer.partition('<')[0].strip()} <p{w.chance.randrange(10**6)}@evil{w.chance.randrange(99)}.test>"
    w.write(f"{name}.spy", spy, f"Re: {subject}", answers=ids, stranger=True)
    w.write(f"{name}.spy2", w.person("evil.test"), f"Re: [#{w.chance.randrange(1, 40)}] {subject}", stranger=True)


def sprayer(w: Writing, name: str) -> None:
    """A stranger who names mails of many tickets, and their writers in copy."""
    victims = [w.person() for _ in range(3)]
    ids = [w.write(f"{name}.{n}", victim, w.chance.choice(MATTERS)) for n, victim in enumerate(victims)]
    w.write(f"{name}.spy", w.person("evil.test"), "Re: it", answers=ids, cc=victims, client="whole", stranger=True)


def namesakes(w: Writing, name: str) -> None:
    """Different people, one subject, no ids."""
    subject = w.chance.choice(MATTERS)
    for n in range(3):
        w.write(f"{name}.{n}", w.person(), f"Re: {subject}", stranger=True)


STORIES = (
    dialogue, dialogue, dialogue, colleagues, colleagues, forwarded_to_a_colleague, mailing_list, unseen_root,
    without_ids, exchange, drift, decorated, same_subject_twice, newsletter, notices, thief, sprayer, namesakes,
    old_list, second_address, thief_at_an_alias,
)  # fmt: skip


KEEPING_ORDER = ("without_ids", "exchange", "thief", "sprayer", "thief_at_an_alias")
"""Stories that mean nothing in another order: ids are stolen from mails that have arrived."""


def sets(seed: int, count: int) -> Iterator[list[Piece]]:
    """`count` sets of mails, each of all stories, in an order that keeps each thread's own, but for a few."""
    for number in range(count):
        w = Writing(random.Random(f"{seed}.{number}"), tribe=f"p{number}x")
        for place, story in enumerate(STORIES):
            story(w, f"{number}.{place}.{story.__name__}")
        yield shuffled(w)


def shuffled(w: Writing) -> list[Piece]:
    """Interleaved; one thread in ten arrives in any order."""
    piles: dict[str, list[Piece]] = {}
    for piece in w.pieces:
        piles.setdefault(".".join(piece.thread.split(".")[:3]), []).append(piece)
    for name, pile in piles.items():
        if w.chance.random() < 0.1 and not name.endswith(KEEPING_ORDER):
            w.chance.shuffle(pile)
    arrived: list[Piece] = []
    while any(piles.values()):
        arrived.append(w.chance.choice([pile for pile in piles.values() if pile]).pop(0))
    return arrived


def f1(expected: dict[str, str], found: dict[str, int | None]) -> tuple[float, list[str]]:
    """Mean over all mails of F1 between the pile where it belongs and the ticket where it is; the mails below 1."""
    piles: dict[str, set[str]] = {}
    tickets: dict[int | None, set[str]] = {}
    for name, thread in expected.items():
        piles.setdefault(thread, set()).add(name)
        tickets.setdefault(found[name], set()).add(name)
    scores = {}
    for name, thread in expected.items():
        pile, ticket = piles[thread], tickets[found[name]]
        common = len(pile & ticket)
        scores[name] = 2 * common / (len(pile) + len(ticket))
    return sum(scores.values()) / len(scores), sorted({expected[n] for n, score in scores.items() if score < 1})
