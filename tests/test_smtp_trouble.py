"""The SMTP door when things go wrong: slow peers, lost peers, our own trouble, stopping, TLS, logs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import smtplib
import ssl
from pathlib import Path

import pytest

from channels import Busy, TooLarge
from channels.email.smtp_data import Pace, TooSlow
from tests.smtp_door import MAIL, Door, Opener, until

pytest_plugins = ("tests.smtp_fixtures",)


CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVkRDXY+fGn0NDz9i
b0bQOFqQD5KtBQq5a04afVnv8t2hRANCAATJd6bMlXjZYrn9OdpLzfK1rDGq1Agn
/DK6P3oswJIGWwL4ZEKHAGqhPc5n93IUDKzTND7lDSDlo3Ry7I0xxd64
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUKx7w+Zygq0HlHAR09wX9/sIAB0YwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA1MDgyN1oYDzIxMjYxMDI5
MDUwODI3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATJd6bMlXjZYrn9OdpLzfK1rDGq1Agn/DK6P3oswJIGWwL4ZEKHAGqh
Pc5n93IUDKzTND7lDSDlo3Ry7I0xxd64o28wbTAdBgNVHQ4EFgQUUhdHlfHOLfeQ
5n57+bngbgjt/jQwHwYDVR0jBBgwFoAUUhdHlfHOLfeQ5n57+bngbgjt/jQwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgYs+9PX+pyEyfWBSj+WGuV+8Ig4Aa95k53oMLsRLPcwYCIFrg
8lV8PHXFANaEFsjeiOEmKtjvjz1R+Dzenx+B5ipD
-----END CERTIFICATE-----
"""
"""A throwaway key and certificate for localhost; they protect nothing."""


# Time.


async def test_an_idle_session_is_closed(opened: Opener) -> None:
    door = await opened(idle_seconds=0.1)
    client = await door.connect()
    assert (await client.reply()).startswith("220")
    assert (await client.reply()).startswith("421 4.4.2")
    assert await client.closed()


@pytest.mark.parametrize("rate", [500, 0])
async def test_a_body_that_dries_up_is_cut(opened: Opener, rate: int) -> None:  # B54
    door = await opened(min_bytes_per_second=rate, pace=(0.1, 0.2))
    client = await door.client()
    await client.envelope()
    await client.say("DATA")
    await client.send(b"Subject: slow\r\n")
    assert (await client.reply()).startswith("421 4.4.2")
    assert await client.closed()


def test_a_dribble_is_too_slow_and_a_steady_sender_is_not() -> None:  # B54
    steady = Pace(0.0, 500)
    for second in range(1, 300):
        steady.check(float(second), second * 600)
    dribble = Pace(0.0, 500)
    for second in range(1, 30):
        dribble.check(float(second), second // 10)
    with pytest.raises(TooSlow):
        dribble.check(30.0, 3)


async def test_a_slow_commit_is_not_hurried_by_the_idle_timer(opened: Opener) -> None:
    door = await opened(idle_seconds=0.1, pace=(0.1, 0.1))
    client = await door.client()
    await client.envelope()
    door.inbox.gate.clear()
    answer = asyncio.create_task(client.deliver())
    await until(lambda: door.inbox.entered == 1)
    await asyncio.sleep(0.3)
    assert not answer.done()
    door.inbox.gate.set()
    assert (await answer).startswith("250")


# Our own trouble.


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        (Busy("pool of db1 is exhausted"), "451 4.3.0"),
        (Busy("/var is full", full=True), "452 4.3.1"),
        (TooLarge("26214400"), "552 5.3.4"),
        (RuntimeError("password=hunter2 of db1"), "451 4.3.0"),
        (asyncio.CancelledError(), "451 4.3.0"),
    ],
)
async def test_trouble_is_worded_without_internals_and_the_session_goes_on(
    door: Door, trouble: Exception, answer: str
) -> None:
    client = await door.client()
    await client.envelope()
    door.inbox.trouble = trouble
    reply = await client.deliver()
    assert reply.startswith(answer)
    assert not any(secret in reply for secret in ("hunter2", "db1", "/var", "Error", "26214400"))
    door.inbox.trouble = None
    await client.envelope()
    assert (await client.deliver()).startswith("250")


async def test_a_mistake_of_ours_in_a_command_is_a_temporary_no(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise KeyError("hunter2")

    client = await door.client()
    with monkeypatch.context() as patched:
        patched.setattr("channels.email.smtp.parse_path", broken)
        reply = await client.say("MAIL FROM:<ana@example.com>")
    assert reply.startswith("451 4.3.0")
    assert "hunter2" not in reply
    await client.envelope()
    assert (await client.deliver()).startswith("250")


async def test_a_client_that_leaves_after_the_dot_does_not_stop_the_commit(door: Door) -> None:
    client = await door.client()
    await client.envelope()
    door.inbox.gate.clear()
    await client.say("DATA")
    await client.send(MAIL + b".\r\n")
    await until(lambda: door.inbox.entered == 1)
    client.writer.transport.abort()
    await until(lambda: all(dialogue.wire.ended for dialogue in door.listener._dialogues))
    door.inbox.gate.set()
    await until(lambda: len(door.inbox.mails) == 1)


async def test_a_half_closed_client_still_gets_its_reply(door: Door) -> None:
    client = await door.client()
    await client.envelope()
    await client.say("DATA")
    await client.send(MAIL + b".\r\n")
    client.writer.write_eof()
    assert (await client.reply()).startswith("250 2.0.0")
    assert await client.closed()
    assert door.inbox.only.body == MAIL


async def test_a_mail_cut_before_its_end_is_not_a_mail(door: Door) -> None:
    client = await door.client()
    await client.envelope()
    await client.say("DATA")
    await client.send(MAIL + b".\r")
    client.writer.write_eof()
    assert await client.closed()
    assert door.inbox.entered == 0


async def test_a_commit_that_takes_too_long_is_answered_and_goes_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.smtp.COMMIT_SECONDS", 0.05)
    client = await door.client()
    await client.envelope()
    door.inbox.gate.clear()
    assert (await client.deliver()).startswith("451 4.3.0")
    door.inbox.gate.set()
    await until(lambda: len(door.inbox.mails) == 1)
    await client.envelope()
    assert (await client.deliver()).startswith("250 2.0.0 Ok: queued as 1")


async def test_stopping_lets_a_commit_be_answered_and_sends_the_others_away(door: Door) -> None:
    idle, busy = await door.client(), await door.client()
    await busy.envelope()
    door.inbox.gate.clear()
    answer = asyncio.create_task(busy.deliver())
    await until(lambda: door.inbox.entered == 1)
    stopping = asyncio.create_task(door.listener.stop())
    assert (await idle.reply()).startswith("421 4.3.2")
    assert not answer.done()
    door.inbox.gate.set()
    assert (await answer).startswith("250")
    assert (await busy.reply()).startswith("421 4.3.2")
    await stopping


# TLS.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "localhost.pem"
    file.write_text(CERTIFICATE)
    return file


def unverified() -> ssl.SSLContext:
    """A client's context that takes any certificate: its dates are not what is tested."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_starttls_protects_a_mail(opened: Opener, certificate: Path) -> None:
    door = await opened(tls_certificate=certificate, tls_key=certificate, require_tls=True)

    def send() -> None:
        with smtplib.SMTP("localhost", door.listener.port, "client.example") as client:
            client.ehlo()
            assert client.has_extn("starttls")
            assert client.mail("ana@example.com")[0] == 530
            client.starttls(context=unverified())
            client.ehlo()
            assert not client.has_extn("starttls")
            assert client.docmd("STARTTLS")[0] == 503
            client.sendmail("ana@example.com", ["support@example.org"], MAIL + b"x" * 60_000)

    await asyncio.to_thread(send)
    assert door.inbox.only.envelope.facts["tls"].startswith("TLSv1.")
    assert len(door.inbox.only.body) == len(MAIL) + 60_002


async def test_commands_injected_before_the_handshake_are_forgotten(opened: Opener, certificate: Path) -> None:  # B51
    door = await opened(tls_certificate=certificate, tls_key=certificate)
    client = await door.client()
    await client.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<support@example.org>\r\n")
    assert (await client.reply()).startswith("220")
    await client.writer.start_tls(unverified(), server_hostname="localhost")
    assert (await client.say("RCPT TO:<support@example.org>")).startswith("503 5.5.1")
    assert (await client.say("MAIL FROM:<ana@example.com>")).startswith("503 5.5.1")
    assert (await client.say("EHLO client.example")).startswith("250")
    await client.envelope()
    assert (await client.deliver()).startswith("250")
    assert door.inbox.only.envelope.sender == "ana@example.com"


async def test_a_handshake_that_fails_ends_only_its_own_connection(opened: Opener, certificate: Path) -> None:
    door = await opened(tls_certificate=certificate, tls_key=certificate)
    client = await door.client()
    assert (await client.say("STARTTLS")).startswith("220")
    await client.send(b"this is no handshake\r\n")
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(client.reader.read(), 10)
    await until(lambda: not door.listener._dialogues)
    assert (await (await door.connect()).reply()).startswith("220")


# Logs.


async def test_aiosmtpds_log_does_not_repeat_what_customers_write(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:  # T24
    client = await door.client()
    await client.envelope("canary@example.com")
    await client.deliver(MAIL + b"canary\r\n")
    assert logging.getLogger("mail.log").level >= logging.WARNING
    assert "canary" not in caplog.text
