"""Commands and seals, by themselves: what is understood, and that nobody's seal is ever another's."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.pages import TEMPLATES
from models.seals import (
    agent_token,
    notice_id,
    notice_named,
    own_message_id,
    reply_token,
    sealed_ticket,
    token_named,
    token_sealed,
    token_ticket,
)
from workers.answer_words import MARK, for_customer, named
from workers.commands import Order, understand

KEY = b"k" * 32
NUMBERS = st.integers(1, 2**40)


@pytest.mark.parametrize(
    ("line", "action", "value"),
    [
        ("#close", "status", "closed"),
        ("#clos", "status", "closed"),
        ("#Clôturer", "status", "closed"),
        ("#waiting", "status", "waiting"),
        ("#attente", "status", "waiting"),
        ("#résolu", "status", "resolved"),
        ("#en-cours", "status", "in_progress"),
        ("#priority high", "priority", "high"),
        ("#priorité haute", "priority", "high"),
        ("#PRIORITE: Urgente", "priority", "urgent"),
        ("#assign marie", "assign", "marie"),
        ("#affecter Marie Dupont", "assign", "Marie Dupont"),
        ("#take", "take", ""),
        ("#prendre", "take", ""),
        ("#engagement 8 h", "commitment", "8"),
        ("#commitment standard", "commitment", "standard"),
        ("#niveau 2", "level", "2"),
        ("#merge 12", "merge", "12"),
        ("#fusionner #12", "merge", "12"),
        ("#tag a b", "tag", "a b"),
        ("#étiquette a", "tag", "a"),
    ],
)
def test_both_languages_are_understood_before_and_after_the_words(line: str, action: str, value: str) -> None:
    for text in (f"{line}\nBonjour.", f"Bonjour.\n\n{line}\n"):
        said = understand(text)
        assert (said.words, said.mistakes) == ("Bonjour.", ())
        assert [(order.action, order.value) for order in said.orders] == [(action, value)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#nonsense\nBonjour", "unknown"),
        ("#priority soon\nBonjour", "value"),
        ("#merge\nBonjour", "missing"),
        ("#close\nBonjour\n#open", "twice"),
        ("Bonjour\n#clos\nMarie", "amid"),
        ("#close now", "value"),
    ],
)
def test_what_is_wrong_is_named(text: str, code: str) -> None:
    assert [mistake.code for mistake in understand(text).mistakes] == [code]


@pytest.mark.parametrize("text", ["#123 Bonjour", "# Titre\nBonjour", "Notre offre #1", "Le tag #promo est en ligne."])
def test_what_only_looks_like_a_command_is_for_the_customer(text: str) -> None:
    said = understand(text)
    assert (said.words, said.orders, said.mistakes) == (text, (), ())


def test_a_note_is_all_of_it() -> None:
    assert understand("#note Attention\nclient #1 fâché").words == "Attention\nclient #1 fâché"
    assert understand("#note").orders == (Order("note", said="#note"),)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_nothing_fails_and_no_line_is_invented(text: str) -> None:
    said = understand(text)
    assert all(line in text for line in said.words.split("\n"))
    named(text)


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_seal_is_for_one_agent_one_ticket_and_one_purpose(ticket: int, agent: int, other: int, fourth: int) -> None:
    token = agent_token(KEY, ticket, agent)
    assert token_sealed(KEY, token) == (ticket, agent)
    assert token_ticket(token) is None, "no customer's"
    assert token_named(reply_token(KEY, ticket, f"agent:{agent}")) is None, "nor the reverse"
    mark = token[-16:]
    for pair in {(other, agent), (ticket, fourth), (agent, ticket)} - {(ticket, agent)}:
        assert token_sealed(KEY, agent_token(b"x" * 32, *pair)[:-16] + mark) is None
    notice = notice_id(KEY, ticket, agent, "nonce", "example.org")
    assert notice_named(KEY, notice) == (ticket, agent)
    assert sealed_ticket(KEY, notice) is None
    assert notice_named(KEY, own_message_id(KEY, ticket, "nonce", "example.org")) is None
    assert token_sealed(KEY, token[:-1] + ("a" if token[-1] != "a" else "b")) is None


def test_what_a_program_failed_to_cut_is_cut_at_our_mark() -> None:
    words = f"Voilà.\n> {MARK}Répondez au-dessus\nnos secrets marie@example.org"
    assert for_customer(words, ("marie@example.org",), "support@example.org") == "Voilà."


def test_notices_say_the_same_things_in_both_languages() -> None:
    texts = tomllib.loads((TEMPLATES / "notice" / "texts.toml").read_text("utf-8"))

    def keys(table: dict[str, Any], path: str = "") -> set[str]:
        return {
            place
            for name, value in table.items()
            for place in (keys(value, f"{path}{name}.") if isinstance(value, dict) else {path + name})
        }

    assert keys(texts["fr"]) == keys(texts["en"])
