"""Who gets a ticket: rules, languages, levels, presence, room and load, by the words of the decision alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assignment import because
from models.choosing import AssignmentRules, Load, Matter, Rule, RulesError, choose

BILLING = Rule(name="billing", category=["billing"], team="billing")
RULES = AssignmentRules(rules=[BILLING])
INVOICE = Matter(number=1, category="billing", language="fr")


def agent(number: int, **given: object) -> Load:
    return Load(agent_id=number, name=f"Agent {number}", **given)  # type: ignore[arg-type]


def chosen(matter: Matter, agents: list[Load], rules: AssignmentRules = RULES) -> int:
    choice = choose(matter, agents, rules)
    assert choice is not None
    return choice.agent.agent_id


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"teams": ["billing"], "presence": "offline"}, {"teams": []}),
        ({"presence": "away"}, {"presence": "offline"}),
        ({"presence": "available", "open": 9}, {"presence": "away"}),
        ({"max_level": 2, "open": 9}, {"max_level": 1}),
        ({"languages": ["fr"], "open": 9}, {"languages": ["en"]}),
        ({"languages": [], "open": 1}, {"languages": ["fr"], "open": 2}),
        ({"max_level": 2, "languages": ["en"]}, {"max_level": 1, "languages": ["fr"]}),
        ({"capacity": 5, "open": 2, "waiting": 2}, {"capacity": 3, "open": 1, "waiting": 2}),
        ({"languages": ["fr"], "capacity": 3, "open": 3}, {"languages": ["en"], "capacity": 3}),
        ({"open": 2, "waiting": 7}, {"open": 3}),
        ({"open": 2, "waiting": 1}, {"open": 2, "waiting": 2}),
        ({"open": 2, "newest": 7}, {"open": 2, "newest": 8}),
    ],
)
def test_the_better_one_is_chosen_whoever_comes_first(better: dict[str, object], worse: dict[str, object]) -> None:
    teams = {"teams": ["billing"]}
    matter = replace(INVOICE, level=2)
    for first, second in ((1, 2), (2, 1)):
        agents = [
            agent(first, **{**teams, "max_level": 2, **better}),
            agent(second, **{**teams, "max_level": 2, **worse}),
        ]
        assert chosen(matter, sorted(agents, key=lambda load: load.agent_id)) == first


def test_whom_the_team_lacks_the_fallbacks_give() -> None:
    rules = AssignmentRules(rules=[BILLING], fallback_team="everything", fallback_agent="Boss@example.org")
    some, boss, busy = agent(1), agent(2, email="boss@example.org", open=9), agent(3, teams=["everything"], open=20)
    assert chosen(INVOICE, [some, boss, busy], rules) == 3
    assert chosen(INVOICE, [some, boss], rules) == 2
    assert chosen(INVOICE, [some], rules) == 1
    assert choose(INVOICE, [], rules) is None


def test_a_team_given_by_hand_is_kept_and_the_first_rule_decides() -> None:
    rules = AssignmentRules(rules=[Rule(name="vip", tier=["vip"], team="vip", level=3), BILLING])
    choice = choose(replace(INVOICE, tier="vip"), [agent(1)], rules)
    assert choice is not None
    assert (choice.team, choice.level) == ("vip", 3)
    kept = choose(replace(INVOICE, team="technical"), [agent(1), agent(2, teams=["technical"])], rules)
    assert kept is not None
    assert (kept.team, kept.agent.agent_id) == ("technical", 2)


def test_the_reason_reads_in_both_languages() -> None:
    choice = choose(INVOICE, [agent(1, teams=["billing"], languages=["fr"], open=3, presence="away")], RULES)
    assert choice is not None
    assert (
        because(choice.reason, "en") == "rule “billing”, team billing, speaks French, 3 open, away, as all others are"
    )
    assert because(choice.reason, "fr") == (
        "règle « billing », équipe billing, parle français, 3 en cours, absent, comme tous les autres"
    )
    assert because("", "fr") == ""


@given(st.integers(1, 6), st.integers(1, 60))
def test_agents_who_are_equal_take_turns(agents: int, tickets: int) -> None:
    loads = [agent(number) for number in range(1, agents + 1)]
    for number in range(1, tickets + 1):
        choice = choose(Matter(number=number), loads, RULES)
        assert choice is not None
        choice.agent.take(number)
    assert max(load.open for load in loads) - min(load.open for load in loads) <= 1


@pytest.mark.parametrize("wrong", ["[[rules]]\nname='x'", "[[rules]]\nname='x'\nlevel=4", "fallback='x'", "rules=3"])
def test_a_mistake_names_its_file(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "assignment.toml"
    path.write_text(wrong)
    with pytest.raises(RulesError, match=r"assignment\.toml"):
        AssignmentRules.load(path)
