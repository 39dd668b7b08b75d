"""The SMTP door through real sockets: what it takes, from whom, for whom, and how it answers what is wrong."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage

import pytest

from tests.smtp_door import MAIL, Door, Opener

pytest_plugins = ("tests.smtp_fixtures",)


# The ordinary way.


async def test_a_mail_from_an_ordinary_client_is_accepted_as_it_came(door: Door) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ana <ana@example.com>", "support@example.org", "Bonjour"
    mail.set_content("Ma commande n'est pas arrivée.\n.\n..points en début de ligne\n")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", door.listener.port, "client.example") as client:
            assert client.send_message(mail) == {}

    await asyncio.to_thread(send)
    envelope = door.inbox.only.envelope
    assert envelope.channel == "email"
    assert envelope.account == "support@example.org"
    assert (envelope.sender, envelope.recipients) == ("ana@example.com", ("support@example.org",))
    assert (envelope.remote, envelope.lane) == ("127.0.0.1", "email:ana@example.com")
    assert envelope.facts["helo"] == "client.example"
    assert len(envelope.trace_id) == 32
    assert envelope.received_at.utcoffset() is not None
    assert door.inbox.only.body == mail.as_bytes().replace(b"\n", b"\r\n")


async def test_the_reply_names_the_item_and_a_repeated_mail_gets_the_same(door: Door) -> None:
    client = await door.client()
    replies = []
    for _ in range(2):
        await client.envelope()
        replies.append(await client.deliver())
    assert replies == ["250 2.0.0 Ok: queued as 1"] * 2
    assert len(door.inbox.mails) == 1


async def test_the_offers_are_those_that_are_kept(door: Door) -> None:
    client = await door.connect()
    await client.reply()
    offers = {line[4:] for line in (await client.say("EHLO client.example")).splitlines()}
    assert {"PIPELINING", "SIZE 25000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"} <= offers
    assert not any(offer.startswith(("AUTH", "STARTTLS")) for offer in offers)


async def test_small_verbs_are_answered_with_enhanced_codes(door: Door) -> None:
    client = await door.client()
    assert (await client.say("NOOP")).startswith("250 2.0.0")
    assert (await client.say("RSET")).startswith("250 2.0.0")
    assert (await client.say("VRFY support@example.org")).startswith("252 2.0.0")
    assert (await client.say("EXPN staff")).startswith("502 5.5.1")
    assert (await client.say("AUTH PLAIN AGEAYg==")).startswith("502 5.5.1")
    assert (await client.say("STARTTLS")).startswith("502 5.5.1")
    assert "AUTH" not in await client.say("HELP")
    assert (await client.say("TURN")).startswith("500 5.5.1")
    assert (await client.say("")).startswith("500 5.5.1")
    assert (await client.say("QUIT")).startswith("221 2.0.0")
    assert await client.closed()


async def test_commands_out_of_order_are_refused(door: Door) -> None:
    client = await door.connect()
    await client.reply()
    assert (await client.say("MAIL FROM:<a@example.com>")).startswith("503 5.5.1")
    await client.say("HELO client.example")
    assert (await client.say("RCPT TO:<support@example.org>")).startswith("503 5.5.1")
    assert (await client.say("DATA")).startswith("503 5.5.1")
    await client.envelope()
    assert (await client.say("MAIL FROM:<b@example.com>")).startswith("503 5.5.1")
    assert (await client.say("RSET")).startswith("250")
    assert (await client.say("DATA")).startswith("503 5.5.1")


async def test_a_mail_sent_one_byte_at_a_time_is_taken(door: Door) -> None:
    client = await door.connect()
    script = (
        b"EHLO c\r\nMAIL FROM:<ana@example.com>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n"
    )
    for byte in script:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert "250 2.0.0 Ok: queued as 1" in (await client.reader.read()).decode()
    assert door.inbox.only.body == MAIL


async def test_a_whole_session_in_one_packet_is_answered_in_order(door: Door) -> None:
    client = await door.connect()
    one = b"MAIL FROM:<ana@example.com>\r\nRCPT TO:<support@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n"
    await client.send(b"EHLO c\r\n" + one + MAIL + b".\r\n" + one + MAIL + b"PS\r\n.\r\nNOOP\r\nQUIT\r\n")
    replies = (await client.reader.read()).decode().splitlines()
    codes = [line[:3] for line in replies if line[3] == " "]
    assert codes == ["220", "250", *["250", "250", "550", "354", "250"] * 2, "250", "221"]
    assert [mail.body for mail in door.inbox.mails] == [MAIL, MAIL + b"PS\r\n"]


# Who may write to whom.


@pytest.mark.parametrize(
    ("recipient", "account"),
    [
        ("SUPPORT@Example.ORG", "support@example.org"),
        ("support+tabcdefghijklmnop@example.org", "support@example.org"),
        ('"support"@example.org', "support@example.org"),
        ("@relay.example,@b.example:support@example.org", "support@example.org"),
    ],
)
async def test_the_account_is_the_plain_form_of_the_first_recipient(door: Door, recipient: str, account: str) -> None:
    client = await door.client()
    await client.envelope("ana@example.com", recipient)
    await client.deliver()
    assert door.inbox.only.envelope.account == account


@pytest.mark.parametrize(
    "recipient",
    [
        "x@elsewhere.example",
        "supporter@example.org",
        "support%elsewhere.example@relay",
        "support@example.org@elsewhere",
    ],
)
async def test_relaying_is_refused(opened: Opener, recipient: str) -> None:  # B50
    door = await opened(recipients=["support@example.org"])
    client = await door.client()
    await client.say("MAIL FROM:<ana@example.com>")
    assert (await client.say(f"RCPT TO:<{recipient}>"))[:9] in {"550 5.7.1", "553 5.1.3"}
    assert (await client.say("DATA")).startswith("554 5.5.1")


async def test_the_101st_recipient_is_asked_to_come_again(door: Door) -> None:  # B5
    client = await door.client()
    await client.envelope("ana@example.com", *[f"support+{n}@example.org" for n in range(100)])
    assert (await client.say("RCPT TO:<support@example.org>")).startswith("452 4.5.3")
    assert (await client.deliver()).startswith("250")
    assert len(door.inbox.only.envelope.recipients) == 100


async def test_the_null_sender_is_accepted_and_its_lane_is_the_authors(door: Door) -> None:  # B52
    client = await door.client()
    await client.envelope("")
    await client.deliver()
    envelope = door.inbox.only.envelope
    assert (envelope.sender, envelope.lane) == ("", "email:ana@example.com")


async def test_an_international_address_needs_the_extension(door: Door) -> None:  # B49
    client = await door.client()
    assert (await client.say("MAIL FROM:<zoé@exämple.com>")).startswith("553 5.6.7")
    assert (await client.say("MAIL FROM:<zoé@exämple.com> SMTPUTF8 BODY=8BITMIME")).startswith("250")
    assert (await client.say("RCPT TO:<support@exämple.org>")).startswith("250")
    assert (await client.deliver()).startswith("250")
    envelope = door.inbox.only.envelope
    assert (envelope.sender, envelope.account) == ("zoé@exämple.com", "support@exämple.org")
    assert envelope.facts["smtputf8"] == "yes"


@pytest.mark.parametrize(
    "path",
    [
        "<",
        '<"',
        "<a",
        "<a@>",
        "<@b>",
        "<a b@c>",
        "<a@b",
        "a@b>",
        "<a@b>x",
        "<a@b<c@d>>",
        "<a@[",
        "<a(@b>",
        "<\udcff@b>",
    ],
)
async def test_a_broken_path_is_refused_and_harms_nothing(door: Door, path: str) -> None:
    client = await door.client()
    await client.send(b"MAIL FROM:" + path.encode("utf-8", "surrogateescape") + b"\r\n")
    assert (await client.reply())[:5] in {"553 5", "501 5"}
    await client.envelope()
    assert (await client.deliver()).startswith("250")


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("SIZE=25000001", "552 5.3.4"),
        ("SIZE=1000", "250 2.1.0"),
        ("SIZE=many", "501 5.5.4"),
        ("BODY=BINARYMIME", "501 5.5.4"),
        ("SOLICIT=x", "555 5.5.4"),
    ],
)
async def test_parameters_of_mail_are_checked(door: Door, parameters: str, answer: str) -> None:  # B43
    client = await door.client()
    assert (await client.say(f"MAIL FROM:<ana@example.com> {parameters}")).startswith(answer)


# Wrong and hostile commands.


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"NOOP " + b"x" * 600, "500 5.5.2"),
        (b"MAIL FROM:<" + b"x" * 600 + b"@example.com>", "553 5.1.3"),
        (b"MAIL FROM:<a@example.com> X=" + b"y" * 1100, "500 5.5.2"),
        (b"NOOP \x00", "500 5.5.2"),
        (b"MAIL FROM:<a\r@example.com>", "500 5.5.2"),
        (b"\xff\xfe\xfd", "500 5.5.1"),
        (b"EHLO", "501 5.5.4"),
        (b"MAIL", "501 5.5.4"),
        (b"MAIL TO:<a@b>", "501 5.5.4"),
        (b"DATA now", "501 5.5.4"),
    ],
)
async def test_a_wrong_command_gets_its_answer_and_the_session_goes_on(door: Door, command: bytes, answer: str) -> None:
    client = await door.client()
    await client.send(command + b"\r\n")
    assert (await client.reply()).startswith(answer)
    await client.envelope()
    assert (await client.deliver()).startswith("250")


async def test_after_twenty_errors_the_session_ends(door: Door) -> None:
    client = await door.client()
    for _ in range(20):
        assert (await client.say("BOGUS")).startswith("500")
    assert (await client.reply()).startswith("421 4.7.0")
    assert await client.closed()


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /forms/contact HTTP/1.1"])
async def test_a_web_client_is_shown_the_door(door: Door, request_line: str) -> None:  # B51
    client = await door.connect()
    await client.reply()
    await client.send(request_line.encode() + b"\r\nHost: x\r\n\r\nMAIL FROM:<a@b>\r\n")
    assert (await client.reply()).startswith("421")
    assert await client.closed()


async def test_one_address_may_not_hold_every_connection(opened: Opener) -> None:  # B54
    door = await opened(max_connections_per_address=3)
    clients = [await door.client() for _ in range(3)]
    assert (await (await door.connect()).reply()).startswith("421 4.7.0")
    await clients[0].say("QUIT")
    assert await clients[0].closed()
    assert (await (await door.connect()).reply()).startswith("220")


async def test_who_does_not_read_replies_is_not_listened_to(door: Door) -> None:
    client = await door.client()
    async with asyncio.timeout(20):
        while True:
            try:
                await asyncio.wait_for(client.send(b"HELP\r\n" * 2_000), 0.5)
            except TimeoutError:
                break
    (dialogue,) = door.listener._dialogues
    assert dialogue.wire.transport.get_write_buffer_size() < 1_000_000
    assert (await (await door.connect()).reply()).startswith("220")
