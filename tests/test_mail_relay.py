"""Relays as they are: TLS that is checked, logins by token, one relay for each account, limits told beforehand."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from channels import Refused, Unavailable
from channels.email import Email
from channels.email.sender import Relay
from config.settings import Mail, OAuth, Settings
from config.settings import Relay as RelaySettings
from tests.dovecot import CERTIFICATE
from tests.test_imap_hostile import TokenEndpoint
from tests.test_sender import ANSWER, LETTER, Peer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "localhost.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate)
    return made


@pytest.fixture
async def peer(context: ssl.SSLContext) -> AsyncIterator[Peer]:
    """A relay that offers STARTTLS."""
    script = Peer()
    script.tls = context
    script.answers |= {
        "EHLO": "250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN XOAUTH2",
        "STAR": "220 go",
        "AUTH": "235 ok",
    }
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    yield script
    server.close()
    script.hang_up()


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    serving = TokenEndpoint()
    app = web.Application()
    app.router.add_post("/token", serving.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield serving
    await runner.cleanup()


def relay(peer: Peer, tmp_path: Path, **values: object) -> Relay:
    settings = RelaySettings(host="127.0.0.1", port=peer.port, timeout_seconds=2).model_copy(update=values)
    return Relay(settings, "guichet.example", tmp_path / "tokens", idle_seconds=0.2)


async def test_starttls_comes_before_login_and_mail(peer: Peer, tmp_path: Path, certificate: Path) -> None:
    await relay(peer, tmp_path, tls_ca=certificate, username="u", password=SecretStr("p")).send(LETTER)
    verbs = [command.split(" ")[0] for command in peer.commands]
    assert verbs[:5] == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL"]


async def test_a_relay_whose_certificate_nobody_vouches_for_gets_neither_login_nor_mail(
    peer: Peer, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        await relay(peer, tmp_path, username="u", password=SecretStr("hush")).send(LETTER)
    assert not any(command.startswith(("AUTH", "MAIL")) for command in peer.commands)


async def test_a_relay_under_another_name_than_its_certificates_gets_nothing(
    peer: Peer, tmp_path: Path, certificate: Path, context: ssl.SSLContext
) -> None:
    elsewhere = await asyncio.start_server(peer.serve, "127.0.0.2", 0)
    peer.port = elsewhere.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        await relay(peer, tmp_path, tls_ca=certificate, host="127.0.0.2").send(LETTER)


async def test_implicit_tls_is_checked_likewise(context: ssl.SSLContext, tmp_path: Path, certificate: Path) -> None:
    script = Peer()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=context)
    script.port = server.sockets[0].getsockname()[1]
    await relay(script, tmp_path, security="tls", tls_ca=certificate).send(LETTER)
    with pytest.raises(Unavailable):
        await relay(script, tmp_path, security="tls").send(LETTER)
    assert len(script.mails) == 1
    server.close()
    script.hang_up()


def granted(endpoint: TokenEndpoint, refresh: str = "r0") -> OAuth:
    given = {"token_url": endpoint.url, "client_id": "guichet", "client_secret": "hush", "refresh_token": refresh}
    return OAuth.model_validate(given)


async def test_xoauth2_logs_in_with_a_token_that_is_had_anew_when_the_relay_rejects_it(
    peer: Peer, tmp_path: Path, certificate: Path, endpoint: TokenEndpoint
) -> None:
    way_out = relay(peer, tmp_path, tls_ca=certificate, username="us@example.org", oauth=granted(endpoint))
    await way_out.send(LETTER)
    said = next(command for command in peer.commands if command.startswith("AUTH XOAUTH2 "))
    assert base64.b64decode(said.split()[2]) == b"user=us@example.org\x01auth=Bearer t1\x01\x01"
    peer.hang_up()
    peer.answers["AUTH"] = "535 5.7.8 expired"
    with pytest.raises(Unavailable, match="535"):
        await way_out.send(LETTER)
    peer.answers["AUTH"] = "235 ok"
    await way_out.send(LETTER)
    assert [form["refresh_token"] for form in endpoint.asked] == ["r0", "r1"], "the newer refresh token is used"


async def test_an_application_may_log_in_by_its_own_secret(
    peer: Peer, tmp_path: Path, certificate: Path, endpoint: TokenEndpoint
) -> None:
    way_out = relay(peer, tmp_path, tls_ca=certificate, username="us@example.org", oauth=granted(endpoint, ""))
    await way_out.send(LETTER)
    assert [form["grant_type"] for form in endpoint.asked] == ["client_credentials"]
    assert len(peer.mails) == 1


async def test_a_revoked_grant_is_our_trouble_and_told_without_secrets(
    peer: Peer, tmp_path: Path, certificate: Path, endpoint: TokenEndpoint
) -> None:
    way_out = relay(peer, tmp_path, tls_ca=certificate, username="u", oauth=granted(endpoint, "revoked"))
    with pytest.raises(Unavailable, match="invalid_grant") as failed:
        await way_out.send(LETTER)
    assert "hush" not in str(failed.value)
    assert "revoked" not in str(failed.value)


async def test_each_account_has_its_relay_and_the_others_the_common_one(peer: Peer, tmp_path: Path) -> None:
    common, other = Peer(), Peer()
    for script in (common, other):
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        script.port = server.sockets[0].getsockname()[1]
    plain = {"host": "127.0.0.1", "security": "none"}
    sales = RelaySettings(port=other.port, accounts=["*@sales.example.org"], **plain)
    mail = Mail(relay=RelaySettings(port=common.port, **plain), relays={"sales": sales})
    channel = Email("email", Settings(var=tmp_path, mail=mail))
    assert not channel.repeatable
    await channel.deliver(ANSWER)
    await channel.deliver(msgspec.structs.replace(ANSWER, account="hello+x@sales.example.org"))
    assert [len(common.mails), len(other.mails)] == [1, 1]
    for script in (common, other):
        script.hang_up()


async def test_the_size_is_told_before_the_bytes(peer: Peer, tmp_path: Path, certificate: Path) -> None:
    peer.answers |= {"EHLO": "250-relay\r\n250-STARTTLS\r\n250 SIZE 10", "MAIL": "552 5.3.4 too large"}
    with pytest.raises(Refused, match="552"):
        await relay(peer, tmp_path, tls_ca=certificate).send(LETTER)
    assert f"MAIL FROM:<support@example.org> SIZE={len(LETTER.content)}" in peer.commands
    assert peer.mails == []


async def test_a_line_that_is_cut_after_the_last_dot_leaves_a_doubt_and_one_before_it_none(
    peer: Peer, tmp_path: Path, certificate: Path
) -> None:
    for stage, doubt in ((".", True), ("DATA", False), ("RCPT", False)):
        peer.answers |= {"RCPT": "250 ok", "DATA": "354 go", ".": "250 ok", stage: ""}
        with pytest.raises(Unavailable) as failed:
            await relay(peer, tmp_path, tls_ca=certificate).send(LETTER)
        assert failed.value.in_doubt is doubt, stage
