"""Erasing one person: nothing of them is left anywhere, others keep theirs, and nothing comes back."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from config import secret
from config.objects import Objects
from guichet import app
from models import erase
from models.actor import step
from tests.desk import Desk, letter
from workers import erasing

CANARY = "canary@birds.example"
WORD = "Zugvogelbeobachtung"
LARGE = b"large " * 100_000
ADA = step("test")


async def fill(desk: Desk) -> bytes:
    """The canary writes twice, with files; another customer writes, too. Returns the first mail as it was sent."""
    mail = letter(f"{WORD} eins", sender=f"Kana Ria <{CANARY}>", subject=WORD, Message_ID="<1@birds.example>",
                  Date="Tue, 03 Mar 2026 10:00:00 +0000")  # fmt: skip
    mail.add_attachment(LARGE + CANARY.encode(), maintype="application", subtype="octet-stream", filename="nest.bin")
    await desk.send(mail, sender=CANARY)
    await desk.send(letter("Hello", subject="Other", Message_ID="<2@example.com>"))
    await desk.settle()
    await desk.send(letter(f"see what {CANARY} said", subject="Named", Message_ID="<3@example.com>", Cc=CANARY))
    await desk.settle()
    await desk.dispatch()
    await desk.reply(1, f"Dear Kana, your {WORD} is done")
    await desk.send(letter("waiting", sender=CANARY, subject=WORD, Message_ID="<4@birds.example>"), sender=CANARY)
    for statement in (
        "INSERT INTO satisfaction (ticket_id, contact_id, asked, comment, open_until)"
        " SELECT id, contact_id, true, :word, now() FROM ticket WHERE id = 1 RETURNING 1",
        "INSERT INTO webhook_event (key, ticket_id, payload) VALUES ('k', 1, :word) RETURNING 1",
        "INSERT INTO message_search (message_id, words)"
        " SELECT min(id), to_tsvector('simple', :word) FROM message WHERE ticket_id = 1"
        " ON CONFLICT DO NOTHING RETURNING 1",
    ):
        await desk.rows(statement, word=WORD)
    Redis.from_url(desk.settings.redis_url).set(f"guichet:pace:email:{CANARY}", 1)
    return bytes(mail)


async def erase_canary(desk: Desk) -> erase.Erasure:
    settings = desk.settings
    return await erasing.run(desk.database, settings, settings.redis_url, ADA, secret.key(settings), CANARY)


async def hits(desk: Desk, word: str) -> dict[str, int]:
    async with desk.database.engine.connect() as connection:
        found = await erase.prove(connection, [word])
    found["files"] = sum(word.lower().encode() in path.read_bytes().lower() for path in files(desk))
    found["redis"] = sum(word.encode() in key for key in Redis.from_url(desk.settings.redis_url).scan_iter())
    return {place: count for place, count in found.items() if count}


def files(desk: Desk) -> list[Path]:
    return [path for folder in ("objects", "outgoing") for path in (desk.settings.var / folder).rglob("*")
            if path.is_file()]  # fmt: skip


async def test_nothing_of_the_canary_is_left_and_others_keep_theirs(desk: Desk) -> None:
    await fill(desk)
    assert len(await hits(desk, CANARY)) > 7, "it was everywhere"
    done = await erase_canary(desk)
    assert sum(done.proof.values()) == 0
    for word in (CANARY, WORD, "Kana Ria", "nest.bin"):
        assert await hits(desk, word) == {}, word
    assert [path for path in files(desk) if b"large large" in path.read_bytes()] == []
    assert [ticket.subject for ticket in await desk.tickets()] == ["", "Other", "Named"]
    assert (await desk.ticket(2)).messages[0].text.strip() == "Hello"
    assert "see what erased said" in (await desk.ticket(3)).messages[0].text
    assert all(row.difference == 0 for row in await desk.balance())
    assert len(await desk.tickets()) == 3, "the figures keep their tickets"
    await desk.settle()
    await desk.dispatch()
    assert await hits(desk, CANARY) == {}, "what waited is gone too"


async def test_what_is_read_anew_does_not_come_back_and_new_mail_does(desk: Desk) -> None:
    first = await fill(desk)
    await erase_canary(desk)
    await desk.rows("UPDATE inbox SET door_key = gen_random_uuid() RETURNING 1")  # the mailbox was restored
    await desk.send(first, sender=CANARY)
    never_seen = letter(WORD, sender=CANARY, Message_ID="<9@birds.example>", Date="Mon, 02 Mar 2026 10:00:00 +0000")
    await desk.send(never_seen, sender=CANARY)
    await desk.settle()
    assert await hits(desk, CANARY) == {}
    assert await hits(desk, WORD) == {}
    [row] = [row for row in await desk.balance() if row.channel == "email"]
    assert (row.duplicate, row.difference) == (2, 0)
    again = letter("I am back", sender=CANARY, subject="New", Date="Tue, 03 Mar 2099 10:00:00 +0000")
    await desk.send(again, sender=CANARY)
    await desk.settle()
    assert (await desk.tickets())[-1].subject == "New"


async def test_an_erasing_that_was_cut_off_is_finished_later(desk: Desk) -> None:
    await fill(desk)
    async with desk.database.engine.begin() as connection:
        begun = await erase.erase(connection, ADA, secret.key(desk.settings), CANARY)
    assert begun.objects  # and here the power fails
    [done] = await erasing.finish(desk.database, desk.settings, desk.settings.redis_url)
    assert sum(done.proof.values()) == 0
    assert await erasing.finish(desk.database, desk.settings, desk.settings.redis_url) == []
    assert await hits(desk, CANARY) == {}


async def test_an_object_that_somebody_else_sent_too_stays(desk: Desk) -> None:
    for sender in (CANARY, "claire@example.com"):
        mail = letter("with a file", sender=sender, subject=sender, Message_ID=f"<{sender}>")
        mail.add_attachment(LARGE, maintype="application", subtype="octet-stream", filename="same.bin")
        await desk.send(mail, sender=sender)
    await desk.settle()
    [row] = await desk.rows("SELECT DISTINCT sha256 FROM attachment WHERE content IS NULL")
    await erase_canary(desk)
    assert await Objects(desk.settings).get(row.sha256) == LARGE


async def test_nobody_is_not_erased(desk: Desk) -> None:
    with pytest.raises(erase.NobodyError):
        await erase_canary(desk)


async def test_all_that_is_kept_of_one_person_is_handed_out(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    await fill(desk)
    monkeypatch.setenv("DATABASE_URL", desk.settings.database_url)
    monkeypatch.setenv("REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("GUICHET_VAR", str(desk.settings.var))
    out = tmp_path / "person.zip"
    result = await asyncio.to_thread(CliRunner().invoke, app, ["export-person", CANARY, "--out", str(out)])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as archive:
        person = json.loads(archive.read("person.json"))
        [name] = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(name).startswith(LARGE)
    assert [ticket["subject"] for ticket in person["tickets"]] == [WORD]
    assert [message["direction"] for message in person["messages"]] == ["in", "out", "out"]
    assert "Claire" not in json.dumps(person)


async def test_whoever_has_the_address_within_theirs_keeps_everything(desk: Desk) -> None:
    like = f"jo{CANARY}"
    await desk.send(letter("Mine", sender=like, subject="Mine", Message_ID="<1@example.com>"), sender=like)
    await desk.send(letter(f"Hers\n{CANARY}\nwrote", sender=CANARY, Message_ID="<2@example.com>"), sender=CANARY)
    await desk.settle()
    await desk.dispatch()
    before = await desk.rows("SELECT (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM message AS m"
                             " WHERE ticket_id = 1), (SELECT md5(body) FROM inbox WHERE id = 1)")  # fmt: skip
    await erase_canary(desk)
    after = await desk.rows("SELECT (SELECT md5(string_agg(m::text, '' ORDER BY id)) FROM message AS m"
                            " WHERE ticket_id = 1), (SELECT md5(body) FROM inbox WHERE id = 1)")  # fmt: skip
    assert after == before
    assert next(row.address for row in await desk.rows("SELECT address FROM identity ORDER BY id")) == like
    assert sum(like.encode() in raw for raw in desk.outgoing()) == 1, "our copy of what we wrote to them"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("ann@x.example", True), ("<ann@x.example>", True), ("to ann@x.example.", True), ("email:ann@x.example", True),
        ('{"text": "so\\nann@x.example wrote"}', True), ("ANN@X.EXAMPLE", True), ("joann@x.example", False),
        ("jo.ann@x.example", False), ("ann@x.example.au", False), ("ann@x.examples", False), ("38080", False),
    ],
)  # fmt: skip
async def test_an_address_is_found_and_none_that_it_is_part_of(desk: Desk, said: str, named: bool) -> None:
    pattern = erase.pattern_of(erase.addresses_of(["email:ann@x.example", "twilio:38080"]))
    assert bool(re.search(pattern, said, re.IGNORECASE)) is named
    [[stored]] = await desk.rows("SELECT cast(:said AS text) ~* :pattern", said=said, pattern=pattern)
    assert stored is named
