"""The ways out: a scripted relay on loopback, and the local maildir."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email import message_from_bytes
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from channels import Refused, Unavailable
from channels.email import Email
from channels.email.compose import Letter
from channels.email.sender import Maildir, Relay
from config.settings import Mail, Settings
from config.settings import Relay as RelaySettings
from models.envelope import Address, OutboundMessage

ANSWER = OutboundMessage(
    channel="email",
    account="support@example.org",
    to=Address("ana@example.com", "Ana"),
    subject="Re: Bonjour",
    text="Bonjour\n.\n..deux points\n",
    message_id="a1@example.org",
    reply_address="support+tabcdefghijklmnop@example.org",
)
LETTER = Letter("support@example.org", "ana@example.com", "a1@example.org", b"Subject: x\r\n\r\nBonjour\r\n", False)

HAPPY = {
    "EHLO": "250-relay\r\n250 SMTPUTF8",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    ".": "250 queued as R1",
}


class Peer:
    """A relay that answers by script: `answers[verb]`; '' closes the connection, None says nothing."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = dict(HAPPY)
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self.connections = 0
        self.greeting = "220 relay"
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        """What STARTTLS begins, where it is answered with 220."""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._answer(writer, self.greeting)
            while line := await reader.readline():
                command = line.decode().strip()
                self.commands.append(command)
                verb = command[:4].upper()
                await self._answer(writer, self.answers.get(verb, "221 bye" if verb == "QUIT" else "250 ok"))
                if verb == "STAR" and self.tls is not None:
                    await writer.start_tls(self.tls)
                if verb == "DATA" and (self.answers["DATA"] or "").startswith("354"):
                    self.mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n."))
                    await self._answer(writer, self.answers["."])
        except (ConnectionError, asyncio.IncompleteReadError):
            self.commands.append("(lost)")
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, reply: str | None) -> None:
        if reply == "":
            raise ConnectionResetError
        if reply is not None:
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()

    def hang_up(self) -> None:
        """Close every connection, as an idle relay does."""
        for writer in self._writers:
            writer.close()

    def relay(self, **values: object) -> Relay:
        settings = RelaySettings(host="127.0.0.1", port=self.port, security="none", timeout_seconds=2)
        return Relay(settings.model_copy(update=values), "guichet.example", Path("tokens"), idle_seconds=0.2)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    script = Peer()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    yield script
    server.close()
    script.hang_up()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)


async def test_an_answer_reaches_the_relay_as_one_honest_mail(peer: Peer, tmp_path: Path) -> None:
    relay = RelaySettings(host="127.0.0.1", port=peer.port, security="none")
    channel = Email("email", Settings(var=tmp_path, mail=Mail(relay=relay)))
    assert not channel.repeatable
    receipt = await channel.deliver(ANSWER)
    assert "R1" in receipt.detail
    assert [command for command in peer.commands if command[:4] in {"MAIL", "RCPT"}] == [
        "MAIL FROM:<support@example.org>",
        "RCPT TO:<ana@example.com>",
    ]
    mail = message_from_bytes(peer.mails[0])
    assert mail["Message-ID"] == "<a1@example.org>"
    assert str(mail.get_payload()).replace("\r\n", "\n") == ANSWER.text


async def test_an_automatic_mail_has_the_null_sender(peer: Peer, tmp_path: Path) -> None:
    relay = RelaySettings(host="127.0.0.1", port=peer.port, security="none")
    await Email("email", Settings(var=tmp_path, mail=Mail(relay=relay))).deliver(
        msgspec.structs.replace(ANSWER, automatic=True)
    )
    assert "MAIL FROM:<>" in peer.commands


async def test_a_dirty_field_is_refused_before_the_socket(peer: Peer, tmp_path: Path) -> None:  # T14
    relay = RelaySettings(host="127.0.0.1", port=peer.port, security="none")
    channel = Email("email", Settings(var=tmp_path, mail=Mail(relay=relay)))
    with pytest.raises(Refused):
        await channel.deliver(msgspec.structs.replace(ANSWER, subject="x\r\nBcc: everybody@example.com"))
    assert peer.connections == 0


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
async def test_a_permanent_no_is_refused_in_the_relays_words(peer: Peer, stage: str) -> None:
    peer.answers[stage] = "550 5.1.1 no such user"
    with pytest.raises(Refused, match=r"550 5\.1\.1 no such user"):
        await peer.relay().send(LETTER)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("reply", ["451 4.3.0 later", "421 4.3.2 closing", ""])
async def test_a_temporary_no_and_a_lost_connection_are_for_later(peer: Peer, stage: str, reply: str) -> None:
    peer.answers[stage] = reply
    with pytest.raises(Unavailable):
        await peer.relay().send(LETTER)


@pytest.mark.parametrize("reply", ["530 5.7.0 log in first", "535 5.7.8 wrong password"])
async def test_a_relay_that_does_not_let_us_in_is_our_trouble(peer: Peer, reply: str) -> None:
    peer.answers["MAIL"] = reply
    with pytest.raises(Unavailable, match=reply[:3]):
        await peer.relay().send(LETTER)


async def test_a_wrong_password_is_our_trouble_too(peer: Peer) -> None:
    peer.answers |= {"EHLO": "250-relay\r\n250 AUTH PLAIN", "AUTH": "535 5.7.8 wrong password"}
    with pytest.raises(Unavailable, match="535"):
        await peer.relay(username="guichet", password=SecretStr("secret")).send(LETTER)
    assert peer.mails == []


async def test_a_relay_without_the_tls_that_we_want_gets_no_mail(peer: Peer) -> None:
    with pytest.raises(Unavailable):
        await peer.relay(security="starttls").send(LETTER)
    assert not any(command.startswith("MAIL") for command in peer.commands)


async def test_no_answer_after_the_last_dot_is_for_later(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.sender.FINAL_REPLY_SECONDS", 0.1)
    peer.answers["."] = None
    with pytest.raises(Unavailable):
        await peer.relay().send(LETTER)
    assert len(peer.mails) == 1


async def test_a_silent_relay_does_not_hold_us(peer: Peer) -> None:
    peer.answers["RCPT"] = None
    with pytest.raises(Unavailable):
        await peer.relay(timeout_seconds=0.1).send(LETTER)


async def test_no_relay_at_all_is_for_later(unused_port: Callable[[], Awaitable[int]]) -> None:
    settings = RelaySettings(host="127.0.0.1", port=await unused_port(), security="none")
    with pytest.raises(Unavailable, match="cannot be used"):
        await Relay(settings, "guichet.example", Path("tokens")).send(LETTER)


@pytest.fixture
def unused_port() -> Callable[[], Awaitable[int]]:
    async def find() -> int:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = int(server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        return port

    return find


async def test_one_connection_serves_letters_in_a_row_and_then_says_goodbye(peer: Peer) -> None:
    relay = peer.relay()
    for _ in range(3):
        await relay.send(LETTER)
    assert (peer.connections, len(peer.mails)) == (1, 3)
    await until(lambda: "QUIT" in peer.commands)


async def test_a_kept_connection_that_died_is_replaced_unnoticed(peer: Peer) -> None:
    relay = peer.relay()
    await relay.send(LETTER)
    peer.hang_up()
    await relay.send(LETTER)
    assert (peer.connections, len(peer.mails)) == (2, 2)


async def test_letters_at_the_same_time_do_not_share_a_connection(peer: Peer) -> None:
    relay = peer.relay()
    await asyncio.gather(*(relay.send(LETTER._replace(recipient=f"c{n}@example.com")) for n in range(8)))
    recipients = {command for command in peer.commands if command.startswith("RCPT")}
    assert len(recipients) == len(peer.mails) == 8


async def test_an_international_address_needs_a_relay_that_can(peer: Peer) -> None:
    letter = LETTER._replace(recipient="zoé@example.com", international=True)
    await peer.relay().send(letter)
    assert "MAIL FROM:<support@example.org> SMTPUTF8" in peer.commands
    peer.answers["EHLO"] = "250 relay"
    with pytest.raises(Refused, match="ASCII"):
        await peer.relay().send(letter)


# The maildir.


async def test_without_a_relay_mail_goes_into_the_maildir_once(tmp_path: Path) -> None:
    channel = Email("email", Settings(var=tmp_path))
    assert channel.repeatable
    first = await channel.deliver(ANSWER)
    again = await channel.deliver(ANSWER)
    assert first.provider_id == again.provider_id
    (file,) = (tmp_path / "outgoing" / "new").iterdir()
    assert list((tmp_path / "outgoing" / "tmp").iterdir()) == []
    mail = message_from_bytes(file.read_bytes())
    assert mail["Delivered-To"] == "ana@example.com"
    assert mail["Return-Path"] == "<support@example.org>"
    assert mail["Reply-To"] == "support+tabcdefghijklmnop@example.org"


@pytest.mark.parametrize("flags", ["", ":2,", ":2,S"])
async def test_a_mail_that_was_read_meanwhile_is_not_delivered_again(tmp_path: Path, flags: str) -> None:
    maildir = Maildir(tmp_path)
    name = (await maildir.send(LETTER)).provider_id
    (tmp_path / "new" / name).rename(tmp_path / "cur" / f"{name}{flags}")
    await maildir.send(LETTER)
    assert list((tmp_path / "new").iterdir()) == []


async def test_the_same_letter_many_times_at_once_is_there_once(tmp_path: Path) -> None:
    await asyncio.gather(*(Maildir(tmp_path).send(LETTER) for _ in range(10)))
    assert len(list((tmp_path / "new").iterdir())) == 1


async def test_a_maildir_that_cannot_be_written_is_for_later(tmp_path: Path) -> None:
    (tmp_path / "outgoing").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="maildir"):
        await Maildir(tmp_path / "outgoing").send(LETTER)


async def test_a_hostile_message_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    receipt = await Maildir(tmp_path / "outgoing").send(LETTER._replace(message_id="../../x@example.org"))
    assert [path.name for path in (tmp_path / "outgoing" / "new").iterdir()] == [receipt.provider_id]
    assert "/" not in receipt.provider_id
