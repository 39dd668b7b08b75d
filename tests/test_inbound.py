"""From raw mail and envelope to the message that the desk sees, and the rules that need the envelope."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels.email import Email
from config.settings import Settings, Smtp
from models.envelope import Address, Envelope, InboundMessage, RawMessage


def receive(mail: str | bytes, sender: str = "ana@example.com", *recipients: str) -> InboundMessage:
    """Read `mail` as it would be after the SMTP door took it for `recipients`."""
    smtp = Smtp(recipients=["support@*", "help@example.org"], hostname="mx.example.org")
    channel = Email("email", Settings(var=Path("var"), smtp=smtp))
    envelope = Envelope(
        channel="email",
        account="support@example.org",
        external_id="x",
        sender=sender,
        recipients=recipients or ("support@example.org",),
        received_at=datetime(2025, 1, 1, tzinfo=UTC),
        trace_id="0" * 32,
        lane="email:ana@example.com",
    )
    body = mail.encode() if isinstance(mail, str) else mail
    (message,) = channel.normalise(RawMessage(envelope=envelope, body=body.replace(b"\n", b"\r\n")))
    return message


HEAD = "From: Ana <Ana@Example.com>\nTo: Support <support@example.org>\nCc: Bob <bob@example.com>\n"
REST = "Subject: =?utf-8?q?Commande_cass=C3=A9e?=\nMessage-ID: <m1@example.com>\n\nMa commande est cassée.\n"


def test_an_ordinary_mail_is_read_and_nothing_is_held_against_it() -> None:
    message = receive(HEAD + "References: <a@x> <b@x>\nIn-Reply-To: <b@x> <c@x>\n" + REST)
    assert message.sender == Address("ana@example.com", "Ana")
    assert message.subject == "Commande cassée"
    assert message.reply_text.strip() == "Ma commande est cassée."
    assert message.recipients == (Address("support@example.org", "Support"), Address("bob@example.com", "Bob"))
    assert message.message_id == "m1@example.com"
    assert message.references == ("a@x", "b@x", "c@x")
    assert (message.machine, message.machine_rule, message.remarks) == ("", "", ())
    assert (message.proof, message.acknowledge_to, message.reply_token) == ("unproved", "", "")


@pytest.mark.parametrize(
    ("to", "recipients", "token"),
    [
        ("support+tabcdefghijklmnop@example.org", ("support@example.org",), "abcdefghijklmnop"),
        ("support@example.org", ("Support+tABCDEFGHIJKLMNOP@example.org",), "abcdefghijklmnop"),
        ("support+taaaaaaaaaaaaaaaa@example.org", ("support+tbbbbbbbbbbbbbbbb@example.org",), "bbbbbbbbbbbbbbbb"),
        ("support+news@example.org", ("support+news@example.org",), ""),
    ],
)
def test_the_reply_token_is_found_in_envelope_and_header(to: str, recipients: tuple[str, ...], token: str) -> None:
    message = receive(f"From: ana@example.com\nTo: {to}\n{REST}", "ana@example.com", *recipients)
    assert message.reply_token == token
    assert message.machine_rule == ""


def test_an_automatic_answer_would_go_to_the_reverse_path() -> None:
    assert receive(HEAD + REST, "Bounces+7@Lists.example").acknowledge_to == "bounces+7@lists.example"


@pytest.mark.parametrize("author", ["", "From:\n", "From: <\n", 'From: "\n', "From: undisclosed\n"])
def test_without_a_readable_author_the_transport_names_them(author: str) -> None:  # B17
    message = receive(f"{author}To: support@example.org\n{REST}")
    assert message.sender.address == "ana@example.com"
    assert message.machine_rule == "A12"
    assert receive(f"{author}To: support@example.org\n{REST}", "").sender.address == ""


@pytest.mark.parametrize(
    "head",
    [
        "From: ana@example.com\nFrom: eve@evil.example\n",
        "From: ana@example.com, eve@evil.example\n",
        "From: ana@example.com\nReply-To: eve@evil.example\n",
    ],
)
def test_a_doubtful_author_is_flagged_and_gets_no_automatic_answer(head: str) -> None:  # A12, B18
    message = receive(f"{head}To: support@example.org\n{REST}")
    assert message.sender.address == "ana@example.com"
    assert (message.machine, message.machine_rule, message.proof) == ("", "A12", "unproved")
    assert any("A12" in remark and "eve@evil.example" in remark for remark in message.remarks)


@pytest.mark.parametrize("answer", ["sales@example.com", "sales@shop.example.com", "SALES@EXAMPLE.COM"])
def test_a_reply_address_in_the_authors_own_domain_is_no_doubt(answer: str) -> None:
    assert receive(f"{HEAD}Reply-To: {answer}\n{REST}").machine_rule == ""


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        ("From: support@example.org\nTo: support@example.org\n", "A3"),
        ("From: help+x@example.org\nTo: support@example.org\n", "A3"),
        (f"X-Guichet-Loop: a1@example.org\n{HEAD}", "A3"),
        ("Received: from a by mx.example.org with ESMTP\n" * 3 + HEAD, "A4"),
        (f"Auto-Submitted: auto-replied\nX-Guichet-Loop: a\n{HEAD}", "A3"),
        (f"Auto-Submitted: auto-replied\nReply-To: x@elsewhere.example\n{HEAD}", "A5"),
    ],
)
def test_mail_of_ours_and_of_machines_names_its_rule(head: str, rule: str) -> None:
    message = receive(head + REST)
    assert message.machine_rule == rule
    assert message.machine.startswith(f"{rule}: ")


@pytest.mark.parametrize(
    "head",
    [
        "Received: from a by mx.example.org with ESMTP\n" * 2 + HEAD,
        "Received: from a by notmx.example.org.evil.example\n" * 5 + HEAD,
        "From: support@customer.example\nTo: support@example.org\n",
        f"X-Guichet-Ticket: 7\nX-Guichet-Agent: root\n{HEAD}",  # B55
        f"Authentication-Results: mx.example.org; dmarc=pass\n{HEAD}",  # B56
    ],
)
def test_what_anybody_can_forge_changes_nothing(head: str) -> None:
    message = receive(head + REST)
    assert (message.machine_rule, message.machine, message.proof) == ("", "", "unproved")


def test_mail_that_does_not_name_us_is_kept_unanswered() -> None:  # A14
    message = receive("From: ana@example.com\nTo: undisclosed@example.com\n" + REST)
    assert (message.machine, message.machine_rule) == ("", "A14")


def test_a_null_path_makes_it_inert() -> None:  # A1
    message = receive(HEAD + REST, "")
    assert (message.machine_rule, message.inert) == ("A1", True)


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\0" * 50, b"\xff\xfe\xfd: x\r\n\r\n", b"From: a\0b@example.com\r\n\r\n\0"]
)
def test_whatever_the_bytes_are_the_strings_can_be_stored(body: bytes) -> None:  # B10, B16
    message = receive(body)
    for text in (message.subject, message.text, message.html, message.sender.address, *message.remarks):
        assert "\0" not in text
        text.encode()
