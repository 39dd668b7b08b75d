"""What counts as yes, no and a score, in plain words."""

from __future__ import annotations

import pytest

from config.pages import TEMPLATES, texts
from workers.answers import SCORED, score, solved


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Oui", "yes"),
        ("oui merci beaucoup !", "yes"),
        ("Bonjour,\nOui, merci.\nCordialement", "yes"),
        ("C’est résolu", "yes"),
        ("YES thanks", "yes"),
        ("1", "yes"),
        ("Non", "no"),
        ("No, thank you", "no"),
        ("toujours pas", "no"),
        ("2", "no"),
        ("oui mais toujours pas pour le second", ""),
        ("Merci", ""),
        ("Non, l'écran reste noir depuis hier et j'ai besoin de quelqu'un rapidement, merci d'avance à vous", ""),
        ("", ""),
        ("12", ""),
    ],
)
def test_only_a_whole_answer_is_one(said: str, meaning: str) -> None:
    assert solved(said) == meaning


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("5", (5, "")),
        ("4/5", (4, "")),
        ("4 super rapide", (4, "super rapide")),
        ("2 : trop long.\nDommage.", (2, "trop long.\nDommage.")),
        ("Très satisfait", (5, "")),
        ("So-so", (3, "")),
        ("12 rue de la Paix", None),
        ("6", None),
        ("4/10", None),
        ("5ème appel", None),
        ("Bonjour", None),
    ],
)
def test_a_score_stands_first(said: str, meaning: tuple[int, str] | None) -> None:
    assert score(said) == meaning


def test_what_is_offered_for_tapping_is_understood() -> None:
    words = texts(TEMPLATES / "closing")
    for language in ("fr", "en"):
        assert [solved(title) for title in words[language]["choices"].values()] == ["yes", "no"]
        titles = list(words[language]["scores"].values())
        assert [score(title) for title in titles] == [(place, "") for place in range(1, 6)]
        assert all(len(title) <= 24 for title in titles), "a row of a list has no more room"
    assert len(SCORED) == 10
