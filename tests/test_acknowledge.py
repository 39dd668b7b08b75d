"""The table A1-A22, row by row, and the words of the acknowledgement."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Acknowledge
from models.envelope import Address, DeliveryReport, Envelope, InboundMessage
from workers import acknowledge, receipt
from workers.acknowledge import Decision, History, decide

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
LIMITS = Acknowledge()
CUSTOMER = "ada@customer.example"
OURS = "support@desk.example"
ENVELOPE = Envelope(
    channel="post",
    account=OURS,
    external_id="x1",
    sender=CUSTOMER,
    recipients=(OURS,),
    received_at=NOW,
    remote="203.0.113.9",
    trace_id="0" * 32,
    lane=CUSTOMER,
)
MESSAGE = InboundMessage(
    sender=Address(CUSTOMER, "Ada"), subject="Lamp", text="It is broken.", recipients=(Address(OURS),)
)
HISTORY = History(new_ticket=True)
ROWS = [f"A{row}" for row in range(1, 23)]


def is_ours(address: str) -> bool:
    return address.endswith("@desk.example")


def verdict(
    message: dict[str, Any] | None = None,
    history: dict[str, Any] | None = None,
    envelope: dict[str, Any] | None = None,
    **limits: Any,
) -> Decision:
    return decide(
        msgspec.structs.replace(MESSAGE, **(message or {})),
        msgspec.structs.replace(ENVELOPE, **(envelope or {})),
        msgspec.structs.replace(HISTORY, **(history or {})),
        Acknowledge(**limits),
        now=NOW,
        own=is_ours,
    )


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def sender(address: str) -> dict[str, Any]:
    return {"sender": Address(address)}


TYPED: dict[str, Any] = {"answer_by": "mail", "recipients": ()}
"""A message whose answers go elsewhere than where it came from: its address was typed."""

# Each row: what makes it apply, as changes to message, history and envelope.
APPLIES: dict[str, list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = {
    "A1": [({"machine_rule": "A1", "machine": "null return path"}, {}, {})],
    "A2": [
        ({"machine_rule": "A2", "machine": "a bounce"}, {}, {}),
        ({"report": DeliveryReport(state="failed")}, {}, {}),
    ],
    "A3": [
        ({"machine_rule": "A3", "machine": "A3: it came back"}, {}, {}),
        (sender("support@desk.example"), {}, {}),
        ({"acknowledge_to": "billing@desk.example"}, {}, {}),
    ],
    "A4": [({"machine_rule": "A4", "machine": "100 hops"}, {}, {})],
    "A5": [({"machine_rule": "A5", "machine": "Auto-Submitted: auto-replied"}, {}, {})],
    "A6": [({"machine_rule": "A6", "machine": "Precedence: bulk"}, {}, {})],
    "A7": [({"machine_rule": "A7", "machine": "List-Id"}, {}, {})],
    "A8": [({"machine_rule": "A8", "machine": "X-Auto-Response-Suppress: All"}, {}, {})],
    "A9": [
        ({"machine_rule": "A9", "machine": "X-Autoreply"}, {}, {}),
        ({"machine_rule": "", "machine": "a robot of a kind that the table does not name"}, {}, {}),
        ({"machine_rule": "B7", "machine": "a rule that the table does not know"}, {}, {}),
    ],
    "A10": [({"machine_rule": "A10", "machine": "mailer-daemon"}, {}, {}), (sender("noreply@shop.example"), {}, {})],
    "A11": [({"machine_rule": "A11", "machine": "out of office"}, {}, {}), ({"inert": True}, {}, {})],
    "A12": [
        ({"machine_rule": "A12"}, {}, {}),
        (sender(""), {}, {}),
        ({"sender": Address(""), "acknowledge_to": CUSTOMER}, {}, {}),
    ],
    "A13": [({"spam": "the trap field was filled in"}, {}, {}), ({"machine_rule": "A13"}, {}, {})],
    "A14": [({"machine_rule": "A14"}, {}, {})],
    "A15": [({}, {"new_ticket": False}, {})],
    "A16": [({}, {"blocked": reason}, {}) for reason in ("bounced 2026-02-01", "complaint", "stopped")],
    "A17": [({}, {"acknowledged_at": ago(hours=23.999)}, {}), ({}, {"acknowledged_at": NOW}, {})],
    "A18": [({}, {"same_subject": 2}, {}), ({}, {"any_subject": 10}, {})],
    "A19": [
        ({}, {"domain_hour": 20}, {}),
        ({}, {"source_hour": 20}, {}),
        ({}, {"account_hour": 200}, {}),
        ({}, {"account_hour": 50, "account_week_mean": 10.0}, {}),
    ],
    "A20": [(TYPED, {}, {}), ({}, {}, {"facts": {"typed_address": "yes"}})],
    "A21": [({"conversation": "c1"}, {}, {})],
    "A22": [({}, {}, {})],
}
DOES_NOT: dict[str, list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]] = {
    **{rule: [({}, {}, {}), ({"machine_rule": f"a{rule[1:]}"}, {}, {})] for rule in ("A4", "A5", "A6", "A7", "A8")},
    "A1": [({}, {}, {"sender": ""})],
    "A2": [({"report": None}, {}, {})],
    "A3": [(sender("support@desk.example.evil.example"), {}, {}), (sender("desk@example"), {}, {})],
    "A9": [({"machine_rule": "A5", "machine": "Auto-Submitted"}, {}, {})],
    "A10": [
        (sender(f"{local}@shop.example"), {}, {})
        for local in (
            "norep",
            "bob.bounce",
            "bouncer",
            "requests",
            "rooted",
            "abuser",
            "noe.reply",
            "replyall",
            "owner",
        )
    ],
    "A11": [({"inert": False}, {}, {})],
    "A12": [({"machine_rule": ""}, {}, {})],
    "A13": [({"spam": ""}, {}, {})],
    "A14": [({"machine_rule": "A13"}, {}, {}), ({"recipients": (Address("list@elsewhere.example"),)}, {}, {})],
    "A15": [({}, {"new_ticket": True}, {})],
    "A16": [({}, {"blocked": ""}, {})],
    "A17": [({}, {"acknowledged_at": ago(hours=24)}, {}), ({}, {"acknowledged_at": None}, {})],
    "A18": [({}, {"same_subject": 1, "any_subject": 9}, {})],
    "A19": [
        ({}, {"domain_hour": 19, "source_hour": 19, "account_hour": 199}, {}),
        ({}, {"account_hour": 49, "account_week_mean": 10.0}, {}),
        ({}, {"account_hour": 19, "account_week_mean": 0.1}, {}),
        ({}, {"source_hour": 500}, {"remote": "127.0.0.1"}),
        ({}, {"source_hour": 500}, {"remote": "::ffff:127.0.0.1"}),
    ],
    "A20": [({"answer_by": "post"}, {}, {}), ({**TYPED, "proof": "proved"}, {}, {})],
    "A21": [({"conversation": ""}, {}, {})],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [pytest.param(rule, *change, id=f"{rule}-{at}") for rule in table for at, change in enumerate(table[rule])]


@pytest.mark.parametrize(("rule", "message", "history", "envelope"), cases(APPLIES))
def test_a_row_is_chosen_when_its_condition_holds(rule: str, message: Any, history: Any, envelope: Any) -> None:
    decision = verdict(message, history, envelope)
    assert decision.rule == rule
    assert decision.send is (rule in ("A20", "A21", "A22"))
    assert decision.held is (rule == "A19")
    assert len(decision.reason) > 5


@pytest.mark.parametrize(("rule", "message", "history", "envelope"), cases(DOES_NOT))
def test_a_row_is_passed_over_when_its_condition_does_not_hold(
    rule: str, message: Any, history: Any, envelope: Any
) -> None:
    assert verdict(message, history, envelope).rule != rule


@pytest.mark.parametrize(("earlier", "later"), list(combinations(ROWS, 2)))
def test_the_first_of_two_rows_wins(earlier: str, later: str) -> None:
    for first, second in product(APPLIES[earlier], APPLIES[later]):
        assert verdict(*({**second[part], **first[part]} for part in range(3))).rule == earlier


def test_every_row_of_the_table_stands_once_in_order() -> None:
    rules = [rule for rule, _outcome, _condition in acknowledge.TABLE]
    assert list(dict.fromkeys(rules)) == ROWS
    assert rules == sorted(rules, key=lambda rule: int(rule[1:]))


def test_a_switch_turns_all_acknowledgements_off() -> None:
    assert verdict(enabled=False) == Decision(
        send=False, held=False, rule="off", reason="Acknowledgements are switched off in the settings."
    )


def test_a_bounce_stays_a_bounce_when_the_channel_names_a_later_rule() -> None:
    assert verdict({"report": DeliveryReport(state="failed"), "machine_rule": "A11"}).rule == "A2"


def test_the_channels_own_words_are_the_reason_without_the_rules_name_in_front() -> None:
    assert verdict({"machine_rule": "A5", "machine": "A5: Auto-Submitted says auto-replied"}).reason == (
        "Auto-Submitted says auto-replied"
    )


MACHINE_NAMES = """
MAILER-DAEMON mailerdaemon postmaster noreply no-reply No_Reply no.reply do-not-reply donotreply noreply-orders
calendar-noreply nepasrepondre ne-pas-repondre bounce bounces bounce+x=y bounces-77 owner-list list-request
list-bounces abuse root listserv majordomo
"""


@pytest.mark.parametrize("local", MACHINE_NAMES.split())
def test_no_machine_address_is_answered(local: str) -> None:
    assert verdict(sender(f"{local}@shop.example")).rule == "A10"
    assert verdict({"acknowledge_to": f"{local}@shop.example"}).rule == "A10"


def test_an_address_may_have_one_acknowledgement_in_24_hours_to_the_second() -> None:
    assert verdict(history={"acknowledged_at": ago(hours=24, seconds=-1)}).rule == "A17"
    assert verdict(history={"acknowledged_at": ago(hours=24)}).send


def test_a_typed_address_waits_twice_as_long() -> None:
    assert verdict(TYPED, {"acknowledged_at": ago(hours=48, seconds=-1)}).rule == "A17"
    assert verdict(TYPED, {"acknowledged_at": ago(hours=48)}).rule == "A20"


@pytest.mark.parametrize(("budget", "half"), [("domain_hour", 10), ("source_hour", 10), ("account_hour", 100)])
def test_a_typed_address_has_half_of_each_budget(budget: str, half: int) -> None:
    assert verdict(TYPED, {budget: half - 1}).rule == "A20"
    assert verdict(TYPED, {budget: half}).held


def test_a_typed_address_meets_the_alarm_for_growth_at_half() -> None:
    assert verdict(TYPED, {"account_hour": 24, "account_week_mean": 10.0}).rule == "A20"
    assert verdict(TYPED, {"account_hour": 25, "account_week_mean": 10.0}).held


def test_a_budget_above_its_setting_is_held_and_below_it_is_not() -> None:
    assert verdict(history={"domain_hour": 2}, domain_hour=3).send
    assert verdict(history={"domain_hour": 3}, domain_hour=3).held


def test_a_conversation_is_acknowledged_once_in_24_hours_even_where_addresses_may_more_often() -> None:
    talk = {"conversation": "c1"}
    done = verdict(talk, {"acknowledged_at": ago(hours=2)}, address_hours=1)
    assert (done.rule, done.send) == ("A21", False)
    assert verdict(talk, {"acknowledged_at": ago(hours=24)}, address_hours=1) == verdict(talk)


def test_a_conversation_whose_window_has_closed_is_not_acknowledged() -> None:
    closed = verdict({"conversation": "c1"}, envelope={"received_at": ago(hours=24)})
    assert (closed.rule, closed.send) == ("A21", False)
    assert verdict({"conversation": "c1"}, envelope={"received_at": ago(hours=23.9)}).send


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=40), st.booleans())
def test_no_input_makes_the_decision_fail(rule: str, address: str, remote: str, new: bool) -> None:
    message = {"machine_rule": rule, "sender": Address(address), "recipients": (Address(address),)}
    decision = verdict(message, {"new_ticket": new, "source_hour": 99}, {"remote": remote, "recipients": (address,)})
    assert decision.rule in ROWS


# ------------------------------------------------------------------------------------------------ the text


def acknowledgement(message: dict[str, Any] | None = None, **options: Any) -> Any:
    given = {
        "ticket_number": 1234,
        "account": OURS,
        "channel": "post",
        "language": "en",
        "message_id": "ack.1@desk.example",
        "reply_address": "support+t.abc@desk.example",
        "delay": "before Monday 10:00",
        "link": "https://desk.example/t/abc",
        "trace_id": "f" * 32,
    }
    return receipt.compose(msgspec.structs.replace(MESSAGE, **(message or {})), **{**given, **options})


def test_the_acknowledgement_carries_number_delay_and_link() -> None:
    mail = acknowledgement()
    assert mail.subject == "[#1234] We have received your message"
    assert "1234" in mail.text
    assert "We expect to answer before Monday 10:00." in mail.text
    assert "https://desk.example/t/abc" in mail.text
    assert (mail.automatic, mail.reply_address, mail.trace_id) == (True, "support+t.abc@desk.example", "f" * 32)
    assert (mail.channel, mail.account, mail.message_id, mail.language) == ("post", OURS, "ack.1@desk.example", "en")


def test_the_acknowledgement_is_in_the_customers_language() -> None:
    mail = acknowledgement(language="fr", delay="avant lundi 10\N{NO-BREAK SPACE}h")
    assert mail.subject == "[#1234] Nous avons bien reçu votre message"
    assert "répondre avant lundi 10\N{NO-BREAK SPACE}h." in mail.text
    assert acknowledgement(language="xx").language == "en"


def test_it_goes_to_the_bare_address_and_to_the_envelope_sender_where_there_is_one() -> None:
    assert acknowledgement().to == Address(CUSTOMER)
    assert acknowledgement({"acknowledge_to": "return@customer.example"}).to == Address("return@customer.example")
    assert acknowledgement(to="key@customer.example").to == Address("key@customer.example")


def test_it_answers_the_message_that_it_acknowledges() -> None:
    assert acknowledgement({"message_id": "m.1@customer.example"}).references == ("m.1@customer.example",)
    assert acknowledgement({"message_id": ""}).references == ()
    assert acknowledgement({"message_id": "buy now\r\nBcc: x"}).references == ()
    assert acknowledgement({"message_id": "x" * 251}).references == ()


def test_a_paragraph_whose_value_is_empty_is_left_out() -> None:
    text = acknowledgement(link="", delay="").text
    assert "Follow your request" not in text
    assert "expect to answer" not in text
    assert "\n\n\n" not in text
    assert "{" not in text


@pytest.mark.parametrize("language", ["fr", "en"])
@given(
    name=st.text(min_size=3, max_size=60),
    subject=st.text(min_size=3, max_size=200),
    text=st.text(min_size=3, max_size=200),
)
def test_nothing_that_the_sender_wrote_is_repeated(language: str, name: str, subject: str, text: str) -> None:
    plain = acknowledgement(language=language)
    hostile = acknowledgement(
        {"sender": Address(CUSTOMER, name), "subject": subject, "text": text, "reply_text": text, "html": text},
        language=language,
    )
    assert hostile == plain


def test_nothing_of_the_sender_is_read_as_a_template() -> None:
    hostile = acknowledgement({"subject": "{link.__class__} {{7*7}}", "proof": "aligned"})
    assert hostile.subject == "[#1234] Re: {link.__class__} {{7*7}}"


@pytest.mark.parametrize("proof", ["aligned", "proved"])
def test_a_proved_senders_subject_is_quoted_without_control_characters_and_answer_marks(proof: str) -> None:
    message = {"proof": proof, "subject": "RE: Fwd: Lamp\r\nBcc: victim@x \u202e evil\x00" + "y" * 500}
    subject = acknowledgement(message).subject
    assert subject.startswith("[#1234] Re: Lamp Bcc: victim@x evil y")
    assert subject.isprintable()
    assert len(subject) < 140
    assert acknowledgement({"proof": proof, "subject": " re : \n"}).subject == "[#1234] We have received your message"


@pytest.mark.parametrize("path", sorted(receipt.TEXTS.glob("fr.txt")), ids=lambda path: path.name)
def test_french_texts_have_unbreakable_blanks_before_double_marks_and_real_apostrophes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    marks = re.findall(r"(.)[:;!?»](?!//)", text)
    assert marks, "a text without any such mark proves nothing"
    assert set(marks) <= {"\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"}
    assert "'" not in text


def test_every_language_of_the_settings_has_its_text() -> None:
    assert {path.stem for path in receipt.TEXTS.glob("*.txt")} == {"fr", "en", "fr.short", "en.short"}
