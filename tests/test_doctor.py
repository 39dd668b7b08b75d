"""The doctor against real engines and doors, well and unwell."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from config.settings import Settings
from gateway.doctor import Finding, examine
from tests.desk import Desk, free_port


async def found(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding async for finding in examine(settings)}


async def test_all_is_well_with_a_running_desk(desk: Desk) -> None:
    findings = await found(desk.settings)
    assert {name for name, finding in findings.items() if not finding.ok} <= {"settings", "disk"}
    assert {"database", "migrations", "clock", "redis", "objects", "dns", "public_url", "secret"} <= set(findings)
    assert "var/outgoing" in findings["email: mail.relay"].said


async def test_what_is_not_well_says_what_to_do(settings: Settings) -> None:
    wrong = settings.model_copy(
        update={
            "secret": SecretStr("short"),
            "redis_url": f"redis://127.0.0.1:{free_port()}",
            "mail": settings.mail.model_copy(
                update={"relay": settings.mail.relay.model_copy(update={"host": "127.0.0.1", "port": free_port()})}
            ),
        }
    )
    findings = await found(wrong)
    unwell = {name for name, finding in findings.items() if not finding.ok}
    assert {"secret", "redis", "public_url", "email: mail.relay"} <= unwell
    assert "openssl rand" in findings["secret"].said
    assert "check host" in findings["email: mail.relay"].said
    assert findings["database"].ok


async def test_a_mailbox_that_does_not_let_us_in_is_named(settings: Settings) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] here\r\n")
        while line := await reader.readline():
            tag = line.split()[0]
            writer.write(tag + (b" NO [AUTHENTICATIONFAILED] no\r\n" if b"LOGIN" in line.upper() else b" OK done\r\n"))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    box = {"address": "a@example.org", "host": "127.0.0.1", "port": port, "security": "none", "password": "x"}
    wrong = Settings(**{**settings.model_dump(exclude={"imap"}), "imap": {"main": box}})
    finding = (await found(wrong))["email: imap.main"]
    server.close()
    assert not finding.ok
    assert "does not let a@example.org in" in finding.said
