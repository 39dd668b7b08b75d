"""Sorting by rules: language, category, priority, and the words that say why."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.envelope import Address, InboundMessage
from workers.language import Detector
from workers.lexicon import fold
from workers.rules import PRIORITIES, SHIPPED, Rules, RulesError
from workers.triage import Triage, triage

RULES = Rules.load()
SHIPPED_TEXT = SHIPPED.read_text(encoding="utf-8")
AGAIN = Rules.read(SHIPPED_TEXT, "again")
CORPUS = [
    msgspec.json.decode(line) for line in (Path(__file__).parent / "corpus" / "triage.jsonl").read_bytes().splitlines()
]


def message(text: str, subject: str = "", **changes: Any) -> InboundMessage:
    return InboundMessage(
        **{"sender": Address("ada@customer.example"), "subject": subject, "text": text, "reply_text": text, **changes}
    )


def sort(text: str, subject: str = "", **changes: Any) -> Triage:
    return triage(message(text, subject, **changes), RULES)


# ------------------------------------------------------------------------------------------------ the corpus


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_the_corpus_has_every_category_in_both_languages() -> None:
    counts = Counter((row["language"], row["category"]) for row in CORPUS)
    assert len(CORPUS) >= 200
    assert set(counts) == {(language, category) for language in ("fr", "en") for category in RULES.categories}
    assert min(counts.values()) >= 8


@pytest.mark.parametrize("language", ["fr", "en"])
def test_categories_priorities_and_languages_of_the_corpus_are_found(language: str) -> None:
    rows = [row for row in CORPUS if row["language"] == language]
    found = [(row, sort(row["text"], row["subject"])) for row in rows]
    steps = [abs(PRIORITIES.index(row["priority"]) - PRIORITIES.index(verdict.priority)) for row, verdict in found]
    urgent = [verdict.priority == "urgent" for row, verdict in found if row["priority"] == "urgent"]
    false = [verdict.priority == "urgent" for row, verdict in found if row["priority"] != "urgent"]
    assert share([verdict.language == language for _row, verdict in found]) == 1
    assert share([verdict.category == row["category"] for row, verdict in found]) >= 0.95
    assert share([step <= 1 for step in steps]) >= 0.98
    assert share([step == 0 for step in steps]) >= 0.9
    assert share(urgent) >= 0.9
    assert share(false) <= 0.03


# ------------------------------------------------------------------------------------------------ category


def test_the_words_that_weighed_are_named() -> None:
    verdict = sort("Bonjour, je demande le remboursement de ma facture.")
    assert verdict.category == "billing"
    assert re.fullmatch(
        r"category billing \(\d+%\): 'rembours\*' \(\+5\), 'factur\*' \(\+5\); learnt '.+' \(\+\d+\.\d\)",
        verdict.why[1],
    )
    assert "'facture' (+" in verdict.why[1]
    assert len(verdict.why) == 3


def test_a_phrase_in_the_subject_weighs_more() -> None:
    assert "'factur*' (+6)" in " ".join(sort("Bonjour.", "Ma facture").why)


@pytest.mark.parametrize("text", ["", "   ", "🙂🙂🙂", "Привет", "!!!"])
def test_a_message_that_says_nothing_is_other_normal_unsure_in_the_default_language(text: str) -> None:
    verdict = sort(text)
    assert (verdict.category, verdict.sure, verdict.priority) == ("other", False, "normal")
    assert (verdict.commitment, verdict.product, verdict.perimeter) == (None, "", "OUT")
    assert verdict.language == "fr"


def test_a_question_that_nothing_places_is_a_request_for_information_but_unsure() -> None:
    doubting = changed("least = 0.99", "least = 0.3 ")
    verdict = triage(message("And the zebra, is it down?"), doubting)
    assert (verdict.category, verdict.sure) == ("information_request", False)
    assert "unsure" in verdict.why[1]
    verdict = triage(message("The zebra is down."), doubting)
    assert (verdict.category, verdict.sure) == ("other", False)


def test_a_category_of_ones_own_lives_by_its_phrases() -> None:
    table = '[categories.zoo]\nname = { fr = "Zoo", en = "Zoo" }\nwords = { 9 = ["zebra*"] }\n\n'
    rules = changed(table + "[categories.other]", "[categories.other]")
    assert triage(message("The zebras are hungry"), rules).category == "zoo"
    assert triage(message("My invoice is wrong"), rules).category == "billing"


def test_accents_case_ligatures_and_apostrophes_do_not_matter() -> None:
    plain = sort("je n'arrive pas a me connecter, la boite ne marche pas et mes voeux")
    assert sort("JE N’ARRIVE PAS À ME CONNECTER, LA BOÎTE NE MARCHE PAS ET MES VŒUX").category == plain.category
    assert fold("Cœur déçu, l’été : can’t") == "coeur decu, l'ete : cant"


def test_new_words_are_read_and_quotes_are_not() -> None:
    quoting = message("Thanks!\n> My password does not work", reply_text="Where is my parcel?")
    assert triage(quoting, RULES).category == "after_sales"
    assert triage(message("Where is my parcel?", reply_text=" "), RULES).category == "after_sales"


def test_no_more_than_the_first_thousand_characters_are_read() -> None:
    assert sort("a " * 500 + "invoice refund") == sort("a " * 500)
    assert sort("a " * 480 + "invoice refund").category == "billing"
    assert "refund" not in " ".join(sort("invoice refund", "x" * 2000).why)


def test_a_channel_may_say_category_priority_and_product() -> None:
    rules = changed('[products]\n"Box Fibre" = ["box fibre"]', "[products]")
    fields = {"category": "billing", "priority": "low", "product": "Box Fibre"}
    verdict = triage(message("URGENT, our site is down!", fields=fields), rules)
    assert (verdict.category, verdict.priority, verdict.product) == ("billing", "low", "Box Fibre")
    assert all("chosen by the sender" in reason for reason in verdict.why[1:])


def test_what_a_channel_says_is_passed_over_where_it_is_not_known() -> None:
    fields = {"category": "root", "priority": "apocalyptic", "product": "'; DROP TABLE"}
    assert sort("My invoice is wrong", fields=fields) == sort("My invoice is wrong")


def test_a_product_is_known_by_its_names() -> None:
    rules = changed('[products]\n"Box Fibre" = ["box fibre", "livebox"]', "[products]")
    verdict = triage(message("Ma Livebox clignote"), rules)
    assert verdict.product == "Box Fibre"
    assert verdict.why[-1] == "product Box Fibre: 'livebox' (+1)"


# ------------------------------------------------------------------------------------------------ priority


@pytest.mark.parametrize(
    "text",
    [
        "C'est urgent, rappelez-moi",
        "Please call back ASAP",
        "Le chargeur a pris feu",
        "My account was hacked",
        "All our tills are down and we cannot take payments",
        "Toutes nos lignes sont coupées, toute l'équipe est à l'arrêt",
    ],
)
def test_urgent_words_danger_and_a_stopped_business_are_urgent(text: str) -> None:
    verdict = sort(text)
    assert verdict.priority == "urgent"
    assert verdict.commitment == 4


@pytest.mark.parametrize(
    "text",
    [
        "Ce n'est pas urgent, mais ma facture est fausse",
        "Ma facture est fausse, rien d'urgent",
        "Ma facture est fausse, sans urgence",
        "My invoice is wrong, not urgent",
        "My invoice is wrong, no rush",
        "My invoice is wrong, it isn't urgent at all",
        "Ma facture est fausse. Quand vous aurez un moment, merci de regarder",
    ],
)
def test_a_negation_takes_urgency_back_and_says_so(text: str) -> None:
    assert sort(text).priority == "low"


def test_a_negation_in_another_clause_takes_nothing_back() -> None:
    assert sort("Je n'ai rien reçu, urgent").priority == "urgent"
    assert sort("It does not work. Urgent").priority == "urgent"


def test_urgency_that_is_taken_back_once_and_said_once_counts() -> None:
    assert sort("Hier ce n'était pas urgent. Aujourd'hui c'est urgent").priority == "urgent"


@pytest.mark.parametrize("text", ["where is my parcel", "je veux parler de ma facture", "votre service est nul"])
def test_shouting_alone_never_raises_the_priority(text: str) -> None:
    quiet, loud = sort(text), sort(text.upper() + " !!!!!!!!!!!!")
    assert loud.priority == quiet.priority
    assert loud.category == quiet.category


def test_how_many_are_affected_counts_only_beside_what_befell_them() -> None:
    assert sort("Toute l'équipe vous remercie pour votre aide").priority == "low"
    assert "many_affected" in " ".join(sort("Le logiciel est inaccessible pour toute l'équipe").why)


def test_each_part_of_the_priority_is_named_with_its_weight() -> None:
    why = " ".join(sort("Third email: our internet is down, please fix it quickly").why)
    assert "service_down" in why
    assert "repeated" in why
    assert "urgent_words 'quickly' (+2)" in why


# ------------------------------------------------------------------------------------------------ language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bonjour", "fr"),
        ("Hello", "en"),
        ("pb de connexion", "fr"),
        ("cant connect", "en"),
        ("jai pas recu mon colis", "fr"),
        ("wheres my stuff??", "en"),
        ("Merci de me rappeler", "fr"),
        ("thx 4 ur help", "en"),
        ("Réinitialisation", "fr"),
        ("Reset password", "en"),
        ("Le login de mon email ne marche pas, help", "fr"),
        ("My rendez-vous at the café with Zoé was cancelled", "en"),
    ],
)
def test_the_language_of_short_and_mixed_lines_is_found(text: str, language: str) -> None:
    assert sort(text).language == language


def test_the_channels_word_on_the_language_counts_where_it_is_one_of_ours() -> None:
    assert sort("Where is my parcel?", language="fr").language == "fr"
    assert sort("Where is my parcel?", language="de").language == "en"


def test_languages_given_to_load_overrule_the_files() -> None:
    assert sort("???").language == "fr"
    assert triage(message("???"), Rules.load(None, ["en", "fr"])).language == "en"


def test_only_the_languages_of_the_rules_are_told_apart() -> None:
    only = changed('languages = ["en"]', 'languages = ["fr", "en"]')
    assert triage(message("Bonjour, où est mon colis ?"), only).language == "en"
    assert Detector([]).detect("Bonjour", ["bonjour"]) == ""
    assert Detector(["fr", "en"]).detect("12345", ["12345"]) == ""


# ------------------------------------------------------------------------------------------------ bad and large input


@given(st.text(max_size=300), st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_no_text_makes_triage_fail_and_the_answer_is_always_the_same(text: str, subject: str, fields: Any) -> None:
    verdict = sort(text, subject, fields=fields)
    assert verdict == triage(message(text, subject, fields=fields), AGAIN)
    assert verdict.category in RULES.categories
    assert verdict.priority in PRIORITIES
    assert verdict.language in RULES.languages


@pytest.mark.parametrize(
    "text", ["ne " * 400, "a" * 100_000, "would " * 9000, "\ufdfa" * 5000, "is the i can we do " * 500, "é\n" * 9000]
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    for _ in range(20):
        sort(text, text)
    assert (time.process_time() - began) / 20 < 0.02


# ------------------------------------------------------------------------------------------------ the file


def changed(new: str, old: str) -> Rules:
    """The shipped rules with one piece of their text replaced."""
    before, found, after = SHIPPED_TEXT.rpartition(old)
    assert found
    return Rules.read(before + new + after, "mine.toml")


def test_every_category_has_a_name_in_every_language() -> None:
    assert RULES.category_names["billing"] == {"fr": "Facturation", "en": "Billing"}
    assert list(RULES.categories) == sorted(RULES.categories, key=list(RULES.categories).index)
    assert set(RULES.categories) == {
        "technical_incident",
        "after_sales",
        "information_request",
        "billing",
        "account_access",
        "feature_request",
        "complaint",
        "other",
    }


@pytest.mark.parametrize(
    ("new", "old", "key"),
    [
        ("characters = 'many'", "characters = 1000", "characters"),
        ("charcters = 1000", "characters = 1000", "charcters"),
        ("languages = []", 'languages = ["fr", "en"]', "languages"),
        ('name = { fr = "Facturation" }', 'name = { fr = "Facturation", en = "Billing" }', "categories.billing.name"),
        ("[categories.billing]\nprice = 1", "[categories.billing]", "categories.billing"),
        ("[categories.rest]\nname", "[categories.other]\nname", "categories.other"),
        ('[categories.billing.words]\n9 = ["fa*"]', "[categories.billing.words]", "categories.billing.words.9[0]"),
        ('[categories.billing.words]\nmuch = ["tva"]', "[categories.billing.words]", "categories.billing.words.much"),
        ("[priority.parts.legal]\nnegated = true", "[priority.parts.legal]", "priority.parts.legal"),
        ("[priority.parts.legal]\n9 = [1]", "[priority.parts.legal]", "priority.parts.legal"),
        ('[priority.parts.legal]\nonly_with = ["x"]', "[priority.parts.legal]", "priority.parts.legal.only_with"),
        ("features = -2", "feature_request = -2", "priority.category"),
        ("urgent = 5\nhigh = 24", "urgent = 4\nhigh = 24", "commitments.urgent"),
        ("urgents = 4\nhigh = 24", "urgent = 4\nhigh = 24", "commitments"),
        ('question = "questions"', 'question = "information_request"', "confidence.question"),
        ('[products]\n"Box" = [""]', "[products]", 'products."Box".1[0]'),
        ("characters = = 1", "characters = 1000", "line"),
    ],
)
def test_a_mistake_in_the_file_is_said_with_file_and_key(new: str, old: str, key: str) -> None:
    with pytest.raises(RulesError) as caught:
        changed(new, old)
    assert str(caught.value).startswith("mine.toml: ")
    assert key in str(caught.value)


def test_a_file_that_is_missing_or_not_text_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"nothing\.toml"):
        Rules.load(tmp_path / "nothing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match=r"bytes\.toml"):
        Rules.load(tmp_path / "bytes.toml")
