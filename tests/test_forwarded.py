"""Mail that one of us forwards counts for whoever wrote it first, and proves nothing about them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from channels.email import Email
from config.settings import Settings
from models.envelope import Envelope, InboundMessage, RawMessage

AGENT = "marie@example.org"
GMAIL = """FYI

---------- Forwarded message ---------
From: Claire Martin <claire@firm.test>
Date: Mon, 2 Mar 2026 at 10:12
Subject: Wrong invoice
To: <marie@example.org>


My invoice counts one order twice.
"""
OUTLOOK = """Peux-tu regarder ?

________________________________
De : Claire Martin <claire@firm.test>
Envoyé : lundi 2 mars 2026 10:12
À : Marie
Objet : Facture fausse

Ma facture est fausse.
"""
APPLE = """
Début du message transféré :

> De: "Claire Martin" <claire@firm.test>
> Objet: Facture fausse
> Date: 2 mars 2026 à 10:12:00 UTC+1
> À: marie@example.org
>
> Ma facture est fausse.
"""
GERMAN = """
-----Ursprüngliche Nachricht-----
Von: Claire Martin [mailto:claire@firm.test]
Gesendet: Montag, 2. März 2026 10:12
An: Marie
Betreff: Falsche Rechnung

Meine Rechnung ist falsch.
"""


def read(
    body: str, subject: str = "Fwd: Wrong invoice", *, sender: str = AGENT, proof: str = "pass", **more: object
) -> InboundMessage:
    mail = EmailMessage()
    mail["Authentication-Results"] = f"mx.example.org; dmarc={proof}"
    mail["From"], mail["To"], mail["Subject"] = sender, "support@example.org", subject
    mail["Message-ID"] = "<f1@example.org>"
    mail.set_content(body)
    if inner := more.get("attached"):
        mail.add_attachment(inner)
    settings = Settings(mail={"forwarders": ["*@example.org"]}, authenticity={"authserv_ids": ["mx.example.org"]})
    envelope = Envelope(
        channel="email",
        account="support@example.org",
        external_id="1",
        sender=sender,
        recipients=("support@example.org",),
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        remote="127.0.0.1",
        trace_id="0" * 32,
        lane="",
    )
    return Email("email", settings).normalise(RawMessage(envelope, bytes(mail)))[0]


@pytest.mark.parametrize(
    ("body", "subject", "expected", "words"),
    [
        (GMAIL, "Fwd: Wrong invoice", "Wrong invoice", "My invoice counts one order twice."),
        (OUTLOOK, "TR: Facture fausse", "Facture fausse", "Ma facture est fausse."),
        (GERMAN, "WG: Falsche Rechnung", "Falsche Rechnung", "Meine Rechnung ist falsch."),
        (APPLE, "Tr : Facture fausse", "Facture fausse", "Ma facture est fausse."),
        (GMAIL, "have a look", "Wrong invoice", "My invoice counts one order twice."),
    ],
)
def test_what_one_of_us_forwards_counts_for_its_author(body: str, subject: str, expected: str, words: str) -> None:
    message = read(body, subject)
    assert (message.sender.address, message.sender.name) == ("claire@firm.test", "Claire Martin")
    assert (message.subject, message.reply_text) == (expected, words)
    assert (message.proof, message.hearsay, message.machine_rule) == ("unproved", True, "")
    assert any(AGENT in remark for remark in message.remarks)
    assert message.text.strip().startswith(body.strip()[:3]), "all of it stays to be seen"


def test_a_mail_that_hangs_on_it_as_a_file_is_the_forwarded_one() -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"], inner["Message-ID"] = (
        "Claire <claire@firm.test>",
        "Facture fausse",
        "<c1@firm.test>",
    )
    inner.set_content("Ma facture est fausse.\n")
    message = read("see there", "Fwd: x", attached=inner)
    assert (message.sender.address, message.subject) == ("claire@firm.test", "Facture fausse")
    assert message.references == ("c1@firm.test",)


def test_who_is_not_one_of_us_forwards_in_their_own_name() -> None:
    assert read(GMAIL, sender="tom@elsewhere.test").sender.address == "tom@elsewhere.test"


@pytest.mark.parametrize("proof", ["none", "fail"])
def test_a_forged_forward_is_kept_and_writes_to_nobody(proof: str) -> None:  # T1, T3
    message = read(GMAIL, proof=proof)
    assert (message.sender.address, message.machine_rule) == ("claire@firm.test", "A12")


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Re: Wrong invoice",
            "Done.\n\nFrom: Claire <claire@firm.test>\nSent: Monday\nTo: Marie\nSubject: Wrong invoice\n\nhelp",
        ),
        ("Wrong invoice", "From: Paris to Lyon, please.\n"),
        ("Fwd: x", "no header of any kind\n"),
        ("Fwd: x", "From: somebody\nDate: 2 March 2026\nSubject: no address\n\nwords"),
    ],
)
def test_what_is_no_forward_stays_the_agents_own(subject: str, body: str) -> None:
    assert read(body, subject).sender.address == AGENT
