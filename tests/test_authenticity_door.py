"""From the SMTP door to the ticket: what a proven, an unproved and a false sender may do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from config.settings import Settings
from tests.desk import Desk, letter
from tests.fake_dns import Zone, fake_dns
from tests.processes import ROOT, clean_environment
from tests.signing import key, signed
from tests.test_thread import tickets_of
from workers.reader import Reader

MX = "mx.example.org"


@pytest.fixture
async def pinned(settings: Settings) -> AsyncIterator[Desk]:
    """A desk behind a mail server that writes Authentication-Results; so does its reader."""
    behind = settings.model_copy(
        update={"authenticity": settings.authenticity.model_copy(update={"authserv_ids": [MX]})}
    )
    reader = Reader(behind)
    async with Desk(behind, reader) as running:
        yield running
    await reader.close()


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with fake_dns() as serving:
        serving.txt("s1._domainkey.shop.test", key().record)
        serving.txt("_dmarc.shop.test", "v=DMARC1; p=reject")
        serving.txt("shop.test", "v=spf1 -all")
        yield serving


@pytest.fixture
async def asking(settings: Settings, zone: Zone) -> AsyncIterator[Desk]:
    """A desk without a mail server before it, that asks the DNS itself."""
    own = {"dns": True, "nameservers": [f"127.0.0.1:{zone.port}"], "timeout_seconds": 1.0}
    limits = settings.acknowledge.model_copy(update={"trusted_sources": []})
    changed = {"authenticity": settings.authenticity.model_copy(update=own), "acknowledge": limits}
    alone = settings.model_copy(update=changed)
    reader = Reader(alone)
    async with Desk(alone, reader) as running:
        yield running
    await reader.close()


def said(mail: EmailMessage, result: str) -> bytes:
    return f"Authentication-Results: {MX}; {result}\r\n".encode() + bytes(mail)


PASS, FAIL, NOTHING = "dmarc=pass header.from=example.com", "dmarc=fail (p=reject) header.from=example.com", "none"


async def test_a_proven_senders_subject_is_repeated_and_shown_as_proven(pinned: Desk) -> None:
    await pinned.send(said(letter(Message_ID="<a@x>"), PASS))
    await pinned.settle()
    await pinned.dispatch()
    [message, _] = (await pinned.ticket(1)).messages
    assert (message.proof, "DMARC passed" in message.reasons["sender"]) == ("aligned", True)
    assert "Facture fausse" in message_from_bytes(pinned.outgoing()[0], policy=default)["Subject"]


async def test_a_false_sender_is_kept_and_gets_no_answer(pinned: Desk) -> None:  # A13
    await pinned.send(said(letter(Message_ID="<a@x>"), FAIL))
    await pinned.settle()
    [message] = (await pinned.ticket(1)).messages
    assert message.proof == "failed"
    assert message.reasons["acknowledge"].startswith("A13")


@pytest.mark.parametrize(
    ("result", "joins"),
    [(PASS, True), (NOTHING, True), ("dmarc=fail (p=none) header.from=example.com", True), (FAIL, False)],
)
async def test_a_false_sender_joins_nothing_by_ids_or_numbers(pinned: Desk, result: str, joins: bool) -> None:
    await pinned.send(said(letter(Message_ID="<a@x>"), PASS))
    await pinned.settle()
    await pinned.send(said(letter("by id", Message_ID="<b@x>", In_Reply_To="<a@x>"), result))
    await pinned.send(said(letter("by number", subject="[#1] x", Message_ID="<c@x>"), result))
    await pinned.send(said(letter("by subject", subject="Re: Facture fausse", Message_ID="<d@x>"), result))
    await pinned.settle()
    found = await tickets_of(pinned)
    assert [found[name] == 1 for name in ("b@x", "c@x", "d@x")] == [joins] * 3
    if not joins:
        reason = (await pinned.ticket(found["b@x"] or 0)).messages[0].reasons["thread"]
        assert "not who it says to be" in reason


async def test_a_seal_lets_even_a_doubtful_sender_in_but_not_to_stay(pinned: Desk) -> None:
    await pinned.send(said(letter(Message_ID="<a@x>"), PASS))
    await pinned.settle()
    await pinned.dispatch()
    sealed = message_from_bytes(pinned.outgoing()[0], policy=default)["Message-ID"]
    await pinned.send(said(letter("sealed", Message_ID="<b@x>", In_Reply_To=sealed), FAIL))
    stranger = letter("sealed", sender="eve@other.test", Message_ID="<c@x>", In_Reply_To=sealed)
    await pinned.send(said(stranger, "dmarc=fail (p=reject) header.from=other.test"), sender="eve@other.test")
    await pinned.settle()
    assert set((await tickets_of(pinned)).values()) == {1}
    [row] = await pinned.rows("SELECT participants, guests FROM ticket")
    assert "email:eve@other.test" not in [*row.participants, *row.guests]
    assert "did not write this" in " ".join((await pinned.ticket(1)).messages[-1].remarks)


async def test_where_proof_is_required_nobody_else_joins(pinned: Desk) -> None:
    pinned.settings.threading.require_proof = True
    await pinned.send(said(letter(Message_ID="<a@x>"), PASS))
    await pinned.send(said(letter("proven", Message_ID="<b@x>", In_Reply_To="<a@x>"), PASS))
    await pinned.send(said(letter("not proven", Message_ID="<c@x>", In_Reply_To="<a@x>"), NOTHING))
    await pinned.settle()
    assert await tickets_of(pinned) == {"a@x": 1, "b@x": 1, "c@x": 2}


async def test_results_written_by_the_sender_change_nothing(pinned: Desk) -> None:  # B56
    forged = f"Authentication-Results: {MX}; dmarc=pass\r\n".encode() + bytes(letter(Message_ID="<a@x>"))
    await pinned.send(b"Authentication-Results: mx.example.org; dkim=none\r\n" + forged)
    await pinned.settle()
    assert (await pinned.ticket(1)).messages[0].proof == "unproved"


async def test_a_token_made_for_the_sender_proves_them(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.dispatch()
    address = message_from_bytes(desk.outgoing()[0], policy=default)["Reply-To"]
    for number, who in enumerate(("claire@example.com", "claire@home.test")):
        await desk.send(letter("again", sender=who, to=address, Message_ID=f"<b{number}@x>"), sender=who, to=address)
    await desk.settle()
    messages = [message for message in (await desk.ticket(1)).messages if message.direction == "in"]
    assert [message.proof for message in messages] == ["unproved", "proved", "unproved"]


async def test_our_own_look_at_signatures_reaches_the_ticket(asking: Desk) -> None:
    good = signed(bytes(letter(sender="ana@shop.test", Message_ID="<a@shop.test>")), "shop.test")
    await asking.send(good, sender="ana@shop.test")
    await asking.send(letter(sender="ana@shop.test", Message_ID="<b@shop.test>"), sender="ana@shop.test")
    await asking.settle()
    proofs = {row.external_id: row.proof for row in await asking.rows("SELECT external_id, proof FROM message")}
    assert (proofs["a@shop.test"], proofs["b@shop.test"]) == ("aligned", "failed")


async def test_a_silent_dns_delays_no_mail_longer_than_the_settings_say_and_loses_none(
    asking: Desk, zone: Zone
) -> None:
    zone.silent = True
    for number in range(20):
        who = f"c{number}@d{number}.test"
        await asking.send(letter(f"{number}", sender=who, Message_ID=f"<{number}@x>"), sender=who)
    await asking.settle()
    rows = await asking.rows("SELECT proof, count(*) AS n FROM message WHERE direction = 'in' GROUP BY proof")
    assert [(row.proof, row.n) for row in rows] == [("unproved", 20)]
    assert (await asking.balance())[0].difference == 0


async def test_explain_says_who_wrote_and_how_that_is_known(zone: Zone, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(signed(bytes(letter(sender="ana@shop.test")), "shop.test"))
    servers = json.dumps([f"127.0.0.1:{zone.port}"])
    environment = clean_environment(
        GUICHET_AUTHENTICITY__DNS="true", GUICHET_AUTHENTICITY__NAMESERVERS=servers, GUICHET_VAR=str(tmp_path / "var")
    )
    line = [sys.executable, "-m", "guichet", "explain", "--json", str(mail)]
    done = await asyncio.to_thread(subprocess.run, line, env=environment, cwd=ROOT, capture_output=True, timeout=60)
    explained = json.loads(done.stdout)
    assert (explained["proof"], explained["proof_reason"]) == ("aligned", "signed by shop.test (DKIM)")
