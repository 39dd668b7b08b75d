"""By when a customer may expect an answer: from calendar, commitment and backlog, in the customer's language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendars import SHIPPED, Calendars
from models.choosing import AssignmentRules, Rule
from tests.desk import Desk, letter
from tests.test_acknowledge import acknowledgement
from workers import receipt
from workers.outlook import Backlog, Outlook

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The letters of an SMS of 160 (3GPP TS 23.038 §6.2.1)."""
WEDNESDAY = datetime(2026, 11, 25, 14, 0, tzinfo=ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("due", "english", "french"),
    [
        ((25, 15, 0), "today before 15:00", "aujourd’hui avant 15_h"),
        ((25, 15, 1), "today before 15:30", "aujourd’hui avant 15_h_30"),
        ((25, 23, 45), "tomorrow before 0:00", "demain avant 0_h"),
        ((26, 9, 30), "tomorrow before 9:30", "demain avant 9_h_30"),
        ((30, 10, 0), "before Monday 10:00", "avant lundi 10_h"),
        ((31 - 30, 10, 0), "before Tuesday 10:00", "avant mardi 10_h"),
        ((2, 10, 0), "on Wednesday 2 December at the latest", "au plus tard le mercredi 2 décembre"),
    ],
)
def test_an_instant_in_words_never_promises_an_earlier_one(
    due: tuple[int, int, int], english: str, french: str
) -> None:
    day, hour, minute = due
    month = 11 if day >= 25 else 12
    instant = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Paris"))
    assert receipt.before(instant, WEDNESDAY.astimezone(UTC), "en") == english
    assert receipt.before(instant, WEDNESDAY.astimezone(UTC), "fr") == french.replace("_", "\N{NO-BREAK SPACE}")
    assert receipt.before(instant, WEDNESDAY, "xx") == english


@given(st.integers(0, 365 * 24 * 60), st.sampled_from(["fr", "en"]))
def test_in_a_conversation_every_such_phrase_is_an_sms_of_one_part(minutes: int, language: str) -> None:
    phrase = receipt.before(WEDNESDAY + timedelta(minutes=minutes), WEDNESDAY, language)
    text = acknowledgement({"conversation": "c"}, language=language, delay=phrase, link="").text
    assert len(text) <= 160
    assert set(text) <= GSM


@pytest.mark.parametrize(
    ("priority", "commitment", "backlog", "due"),
    [
        ("urgent", None, Backlog(), (25, 15)),
        ("normal", None, Backlog(), (26, 13)),
        ("low", 2, Backlog(), (25, 16)),
        ("normal", None, Backlog({"normal": 100, "low": 900}, per_hour=10), (26, 15)),
        ("low", None, Backlog({"normal": 100, "low": 80}, per_hour=10), (27, 14)),
        ("normal", 2, Backlog({"normal": 1000}, per_hour=10), (25, 16)),
        ("urgent", None, Backlog({"normal": 1000}, per_hour=10), (25, 15)),
        ("normal", None, Backlog({"normal": 1000}), (26, 13)),
    ],
)
def test_an_answer_is_expected_by_calendar_commitment_and_backlog(
    priority: str, commitment: int | None, backlog: Backlog, due: tuple[int, int]
) -> None:
    outlook = Outlook(Calendars.load(), backlog)
    day, hour = due
    ticket = {"priority": priority, "commitment_hours": commitment}
    assert outlook.answer_by(ticket, "standard", now=WEDNESDAY) == WEDNESDAY.replace(day=day, hour=hour)


def test_the_calendar_is_that_of_the_team_that_will_get_it(tmp_path: Path) -> None:
    path = tmp_path / "calendars.toml"
    path.write_text(SHIPPED.read_text("utf-8") + '[[choose]]\nteam = ["vip"]\ncalendar = "always"\n')
    rules = AssignmentRules(rules=[Rule(name="vip", tier=["vip"], team="vip")])
    outlook = Outlook(Calendars.load(path), rules=rules)
    evening = WEDNESDAY.replace(hour=20)
    assert outlook.answer_by({"priority": "urgent"}, "vip", now=evening) == evening.replace(hour=21)
    assert outlook.answer_by({"priority": "urgent"}, "standard", now=evening) == evening.replace(day=26, hour=10)


async def test_the_backlog_is_what_waits_and_the_pace_what_was_answered(desk: Desk) -> None:
    outlook = desk.ingest.office.outlook
    for sender in range(22):
        await desk.send(letter(f"Ma facture {sender} est fausse.", sender=f"c{sender}@example.com"))
    await desk.settle()
    await outlook.look(desk.database)
    assert (outlook.backlog.waiting, outlook.backlog.per_hour) == ({"normal": 22}, 0)
    for number in range(1, 21):
        await desk.reply(number, "Nous la corrigeons.")
    await desk.clock.drain()
    await desk.rows("UPDATE ticket SET created_at = created_at - interval '7 days' RETURNING id")
    await outlook.look(desk.database)
    assert outlook.backlog.per_hour == 0, "it was looked a moment ago"
    outlook.looked_at = None
    await outlook.look(desk.database)
    assert outlook.backlog.waiting == {"normal": 2}
    assert 0.3 < outlook.backlog.per_hour < 0.8, "20 in the business hours of a week"
