"""The table of docs/threading.md: what a message names × how its sender stands to the ticket × how they are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Threading
from models.envelope import Address, InboundMessage
from models.keys import mark_key, matter_key, message_key
from models.seals import own_message_id, reply_token
from workers.known import Known, KnownTicket
from workers.organisation import is_office
from workers.thread import Threaded, Writer, thread

SECRET = b"s" * 32
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANA, BOB, EVE, TIM = "email:ana@firm.test", "email:bob@other.test", "email:eve@evil.test", "email:tim@firm.test"
DESK = "email:support@example.org"
CIRCLE = "email:list:users.lists.test"


def known(**values: object) -> Known:
    """One ticket, 7, that Ana opened with Bob in copy: <own@x> stands in it and answers <far@x>."""
    given = {"participants": [ANA, BOB, DESK], "updated_at": NOW - timedelta(days=1), **values}
    ticket = KnownTicket(id=7, new=False, **given)  # type: ignore[arg-type]
    found = Known(now=NOW, tickets={7: ticket})
    found.keys = {
        message_key("own@x"): {7: True},
        message_key("far@x"): {7: False},
        mark_key("thread-index:1"): {7: False},
    }
    found.keys |= {matter_key(label, "lamp"): {7: True} for label in (ANA, BOB, CIRCLE)}
    return found


NAMES: dict[str, dict[str, object]] = {
    "token": {"reply_token": reply_token(SECRET, 7, ANA)},
    "seal": {"references": (own_message_id(SECRET, 7, "ab", "example.org"),)},
    "own id": {"references": ("own@x",)},
    "far id": {"references": ("far@x",)},
    "itself": {"message_id": "far@x"},
    "mark": {"marks": ("thread-index:1",)},
    "number": {"subject": "[#7] lamp"},
    "subject": {"subject": "Re: Lamp"},
    "nothing": {"subject": "Lamp"},
}
MEMBER = Writer(ANA, desk=(DESK,))
SENDERS: dict[str, Writer] = {
    "member": MEMBER,
    "copied": Writer(BOB, desk=(DESK,)),
    "answers all": Writer(EVE, frozenset([ANA]), (DESK,)),
    "colleague": Writer(TIM, desk=(DESK,)),
    "stranger": Writer(EVE, desk=(DESK,)),
    "nobody": Writer(""),
}
IN, GUEST, OUT = "in", "guest", "out"
TABLE = {
    #             member  copied  answers all  colleague  stranger  nobody
    "token":   (IN,    IN,     GUEST,       GUEST,     GUEST,    GUEST),
    "seal":    (IN,    IN,     GUEST,       GUEST,     GUEST,    GUEST),
    "own id":  (IN,    IN,     GUEST,       OUT,       OUT,      OUT),
    "far id":  (IN,    IN,     OUT,         OUT,       OUT,      OUT),
    "itself":  (IN,     IN,     GUEST,         OUT,       OUT,      OUT),
    "mark":    (IN,    IN,     OUT,         OUT,       OUT,      OUT),
    "number":  (IN,    IN,     OUT,         OUT,       OUT,      OUT),
    "subject": (IN,    IN,     OUT,         OUT,       OUT,      OUT),
    "nothing": (OUT,   OUT,    OUT,         OUT,       OUT,      OUT),
}  # fmt: skip
PROOFS = ("proved", "aligned", "unproved", "failed")
CASES = [
    (name, sender, proof, TABLE[name][place])
    for name in TABLE
    for place, sender in enumerate(SENDERS)
    for proof in PROOFS
]


def message(name: str, proof: str, **values: object) -> InboundMessage:
    return InboundMessage(sender=Address("x@y.test"), proof=proof, **{**NAMES[name], **values})  # type: ignore[arg-type]


def decided(found: Threaded) -> str:
    return OUT if found.ticket is None else GUEST if found.guest else IN


def decide(
    name: str, writer: Writer, proof: str, *, limits: Threading | None = None, there: Known | None = None
) -> Threaded:
    return thread(message(name, proof), writer, there or known(), SECRET, limits or Threading())


@pytest.mark.parametrize(("name", "sender", "proof", "expected"), CASES)
def test_the_table(name: str, sender: str, proof: str, expected: str) -> None:
    if proof == "failed" and name not in ("token", "seal"):
        expected = OUT
    if proof == "aligned" and sender == "colleague" and name in ("own id", "itself"):
        expected = GUEST
    found = decide(name, SENDERS[sender], proof)
    assert decided(found) == expected, found.reason
    assert found.reason


@pytest.mark.parametrize(("name", "sender", "proof", "expected"), CASES)
def test_the_table_where_proof_is_required(name: str, sender: str, proof: str, expected: str) -> None:
    if proof in ("failed", "unproved") and name not in ("token", "seal"):
        expected = OUT
    if proof == "aligned" and sender == "colleague" and name in ("own id", "itself"):
        expected = GUEST
    found = decide(name, SENDERS[sender], proof, limits=Threading(require_proof=True))
    assert decided(found) == expected, found.reason


def test_only_a_token_made_for_the_sender_proves_them() -> None:
    assert decide("token", MEMBER, "unproved").certain
    assert not decide("token", SENDERS["copied"], "unproved").certain
    assert not decide("token", MEMBER, "failed").certain
    assert not decide("seal", MEMBER, "unproved").certain


@pytest.mark.parametrize(
    "token", [reply_token(b"other" * 8, 7, ANA), reply_token(SECRET, 7, EVE), reply_token(SECRET, 8, ANA)]
)
def test_a_token_that_was_not_made_for_this_ticket_and_participant_is_none(token: str) -> None:  # T2
    found = thread(message("nothing", "aligned", reply_token=token), MEMBER, known(), SECRET, Threading())
    assert found.ticket is None


def test_members_of_a_list_are_guests_by_ids_and_subjects() -> None:
    there = known(participants=[ANA, CIRCLE])
    for name in ("own id", "far id", "mark", "subject"):
        found = decide(name, Writer(EVE, circle=CIRCLE), "unproved", there=there)
        assert decided(found) == GUEST, name
    assert decided(decide("own id", Writer(EVE, circle="email:list:else"), "unproved", there=there)) == OUT


def test_where_no_address_of_ours_stands_in_a_mail_only_sure_people_count() -> None:
    """An office may be an alias of ours that the settings do not name, to which everybody writes."""
    help_ = "email:help@shop.test"
    there = known(participants=[ANA, help_, BOB])
    for addressed, desk, expected in (
        ([help_], (), OUT),
        ([BOB], (), GUEST),
        ([ANA], (), GUEST),
        ([help_, ANA], (), GUEST),
        ([help_], (DESK,), GUEST),
    ):
        writer = Writer(EVE, frozenset(addressed), desk)
        assert decided(decide("own id", writer, "unproved", there=there)) == expected, addressed


@pytest.mark.parametrize(
    "local", ["help", "support", "kundenservice", "sav", "contact", "info2", "sales-fr", "service-client"]
)
def test_offices_are_known_by_their_names(local: str) -> None:
    assert is_office(f"email:{local}@shop.test")


@pytest.mark.parametrize("local", ["claire", "gardeners", "python-list", "helper", "informatica", "itziar", "jobst"])
def test_people_and_lists_are_no_offices(local: str) -> None:
    assert not is_office(f"email:{local}@shop.test")


def test_naming_mails_of_several_tickets_makes_nobody_a_guest() -> None:
    there = known()
    there.tickets[8] = KnownTicket(id=8, new=False, participants=[ANA])
    there.keys[message_key("other@x")] = {8: True}
    several = message("own id", "unproved", references=("other@x", "own@x"))
    assert thread(several, SENDERS["answers all"], there, SECRET, Threading()).ticket is None
    assert thread(several, MEMBER, there, SECRET, Threading()).ticket is there.tickets[7], "the latest id decides"


def test_an_answer_to_an_unseen_mail_finds_only_a_ticket_that_began_with_that_subject() -> None:
    """Two answers to two notices with one subject are two matters; an answer to our agent's own mail is none."""
    there = known()
    answer = message("subject", "unproved", references=("unseen@x",))
    assert thread(answer, MEMBER, there, SECRET, Threading()).ticket is not None
    there.keys[matter_key(ANA, "lamp")] = {7: False}
    assert thread(answer, MEMBER, there, SECRET, Threading()).ticket is None
    assert thread(message("subject", "unproved"), MEMBER, there, SECRET, Threading()).ticket is not None


@pytest.mark.parametrize(("days", "joins"), [(29, True), (31, False)])
def test_a_subject_is_forgotten_after_a_while(days: int, joins: bool) -> None:
    there = known(updated_at=NOW - timedelta(days=days))
    assert (decide("subject", MEMBER, "unproved", there=there).ticket is not None) is joins


@pytest.mark.parametrize("name", ["token", "seal", "own id", "mark", "number"])
def test_a_ticket_that_ended_long_ago_is_continued_by_a_new_one(name: str) -> None:
    there = known(status="closed", ended_at=NOW - timedelta(days=31))
    found = decide(name, MEMBER, "unproved", there=there)
    assert found.ticket is None
    assert found.continues is there.tickets[7]
    assert "ended 31 days ago" in found.reason


def test_what_ended_lately_is_reopened() -> None:
    there = known(status="resolved", ended_at=NOW - timedelta(days=29))
    assert decide("own id", MEMBER, "unproved", there=there).ticket is there.tickets[7]
    assert decide("own id", MEMBER, "unproved", there=there, limits=Threading(reopen_days=7)).ticket is None


def test_what_continues_an_ended_ticket_is_joined_instead_and_so_on() -> None:
    there = known(status="closed", ended_at=NOW - timedelta(days=90))
    second = KnownTicket(id=8, new=False, continues=7, status="closed", ended_at=NOW - timedelta(days=40))
    third = KnownTicket(id=9, new=False, continues=8)
    there.tickets |= {8: second, 9: third}
    there.successors = {7: second, 8: third}
    assert decide("own id", MEMBER, "unproved", there=there).ticket is third


@pytest.mark.parametrize("name", ["token", "seal", "own id", "mark", "number"])
def test_a_merged_ticket_leads_to_the_one_that_it_was_merged_into(name: str) -> None:
    there = known(merged_into=9)
    there.tickets[9] = KnownTicket(id=9, new=False, participants=[ANA])
    assert decide(name, MEMBER, "unproved", there=there).ticket is there.tickets[9]
