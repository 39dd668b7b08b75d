"""Learning: vectors in one number, the trainer, the model file, the seed set and what the shipped model makes of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import features
from workers.examples import ExamplesError, Labelled, read
from workers.lanes import pack, unpack
from workers.learn import learn
from workers.model import Model, ModelError, Table, softmax
from workers.quality import figures, judge
from workers.rules import SHIPPED_MODEL, Rules
from workers.seed import seed

CORPUS = Path(__file__).parent / "corpus"
SEED = seed()
NUMBERS = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=12)
FRUIT = [
    Labelled(text=text, label=label)
    for label, texts in {
        "fruit": ("I ate an apple", "two ripe pears", "an apple pie", "pears and apples", "the apple is ripe"),
        "tool": ("a heavy hammer", "hammer and nails", "the saw is blunt", "a blunt hammer", "nails and a saw"),
    }.items()
    for text in texts
]


def table_of(messages: list[Labelled]) -> Table:
    return learn([message.example() for message in messages])


def label_of(model: Model, text: str) -> str:
    example = Labelled(text=text, label="").example()
    scores = model.score(example.found, question=example.question).by_label
    return max(scores, key=scores.__getitem__)


# ------------------------------------------------------------------------------------------------ vectors


@given(NUMBERS)
def test_what_is_packed_is_unpacked(numbers: list[int]) -> None:
    assert unpack(pack(numbers), len(numbers)) == numbers


@given(NUMBERS, st.integers(-50, 50))
def test_adding_and_multiplying_vectors_does_so_to_each_number(numbers: list[int], factor: int) -> None:
    other = numbers[::-1]
    together = pack(numbers) * factor + pack(other)
    assert unpack(together, len(numbers)) == [a * factor + b for a, b in zip(numbers, other, strict=True)]


# ------------------------------------------------------------------------------------------------ learning


def test_two_labels_are_told_apart_also_where_a_word_is_misspelt() -> None:
    model = Model(table_of(FRUIT))
    assert [label_of(model, text) for text in ("my apples", "your hammer", "applle", "hamer")] == [
        "fruit",
        "tool",
        "fruit",
        "tool",
    ]


def test_the_same_texts_give_the_same_octets_and_others_do_not() -> None:
    octets = msgspec.msgpack.encode(table_of(FRUIT))
    assert msgspec.msgpack.encode(table_of(FRUIT)) == octets
    assert msgspec.msgpack.encode(table_of(FRUIT[1:])) != octets
    assert Model.read(octets, "fruit.model").version == Model(table_of(FRUIT)).version


def test_one_label_is_nothing_to_tell_apart() -> None:
    with pytest.raises(ValueError, match="two labels"):
        table_of(FRUIT[:5])


def test_the_words_that_weighed_are_the_labels_own() -> None:
    model = Model(table_of(FRUIT))
    example = Labelled(text="the apple and a hammer", label="").example()
    scores = model.score(example.found, question=False)
    assert model.strongest(scores, "fruit", 1)[0][0] == "apple"
    assert model.strongest(scores, "tool", 1)[0][0] == "hammer"
    assert all(pull > 0 for _word, pull in model.strongest(scores, "tool", 9))


def test_what_a_model_remembers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, worn = Model(table_of(FRUIT)), Model(table_of(FRUIT))
    monkeypatch.setattr("workers.model.MOST_WORDS", 50)
    for number in range(300):
        label_of(worn, f"word{number} letters{chr(97 + number % 26) * 4} apple")
    assert len(worn._words) <= 60
    example = FRUIT[0].example()
    first, second = (model.score(example.found, question=False) for model in (fresh, worn))
    assert first.by_label == second.by_label
    assert fresh.strongest(first, "fruit", 5) == worn.strongest(second, "fruit", 5)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=9))
def test_probabilities_add_up_to_one(scores: list[float]) -> None:
    assert sum(softmax(scores)) == pytest.approx(1)


def test_a_numbers_letters_say_nothing_and_a_words_groups_are_each_counted_once() -> None:
    assert len(features.buckets("4711")) == len(features.buckets("?")) == len(features.buckets("#3")) == 1
    assert len(features.buckets("banana")) == len(set(features.buckets("banana")))
    assert features.buckets("facturation")[1:] != features.buckets("factruation")[1:]


# ------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_octets_that_are_no_model_are_refused_with_the_files_name(cut: int) -> None:
    octets = msgspec.msgpack.encode(table_of(FRUIT))[:cut]
    with pytest.raises(ModelError, match=r"mine\.model"):
        Model.read(octets, "mine.model")


@pytest.mark.parametrize("field", ["buckets", "levels", "weights"])
def test_tables_that_do_not_fit_each_other_are_refused(field: str) -> None:
    table = table_of(FRUIT)
    broken = msgspec.structs.replace(table, **{field: getattr(table, field)[:-4]})
    with pytest.raises(ModelError, match="does not fit"):
        Model.read(msgspec.msgpack.encode(broken), "mine.model")


def test_a_model_of_another_format_is_refused() -> None:
    table = table_of(FRUIT)
    later = msgspec.structs.replace(table, about=msgspec.structs.replace(table.about, format=2))
    with pytest.raises(ModelError, match="format 2"):
        Model.read(msgspec.msgpack.encode(later), "mine.model")


def test_labelled_messages_are_read_from_csv_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,category\n"Bonjour, ma facture",billing\n', "utf-8")
    (tmp_path / "a.jsonl").write_text('{"text": "Bonjour, ma facture", "label": "billing"}\n\n', "utf-8")
    expected = [Labelled(text="Bonjour, ma facture", label="billing")]
    assert read(tmp_path / "a.csv") == read(tmp_path / "a.jsonl") == expected


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.csv", "text,label\nhello,\n", "a.csv:2"),
        ("a.csv", "words,label\nhello,x\n", "a.csv:2"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text"\n', "a.jsonl:2"),
        ("a.jsonl", "[1]\n", "a.jsonl:1"),
        ("a.jsonl", "\xff", "a.jsonl"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str, place: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(ExamplesError, match=place):
        read(tmp_path / name)


# ------------------------------------------------------------------------------------------------ the seed set


def test_the_seed_set_has_a_hundred_messages_and_more_of_each_category_in_each_language() -> None:
    counts = Counter((message.language, message.label) for message in SEED)
    assert set(counts) == {(language, label) for language in ("fr", "en") for label in Rules.load().categories}
    assert min(counts.values()) >= 200


def test_no_test_message_stands_in_the_seed_set() -> None:
    said = {" ".join(message.text.casefold().split()) for message in SEED}
    unseen = [row["text"] for name in UNSEEN for row in rows(name)]
    assert [text for text in unseen if " ".join(text.casefold().split()) in said and len(text) > 20] == []


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (CORPUS / name).read_bytes().splitlines()]


def test_the_shipped_model_is_what_the_seed_set_gives() -> None:
    shipped = msgspec.msgpack.decode(SHIPPED_MODEL.read_bytes(), type=Table)
    again = table_of(SEED)
    assert shipped.about.texts == len(SEED), "python -m workers.seed"
    assert (again.buckets, again.levels, again.pairs) == (shipped.buckets, shipped.levels, shipped.pairs)
    assert again.weights == shipped.weights
    assert SHIPPED_MODEL.stat().st_size < 2_000_000


# ------------------------------------------------------------------------------------------------ unseen messages

UNSEEN = {"triage_unseen.jsonl": 0.8, "triage_unseen_2.jsonl": 0.9}
"""Messages that were never learnt from, those of the first file without the usual words; the least share right."""


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_messages_that_were_not_learnt_from_are_sorted(name: str, language: str) -> None:
    judged = judge([message for message in read(CORPUS / name) if message.language == language], Rules.load())
    found = figures(judged)
    assert len(judged) >= 90
    assert found.category is not None
    assert found.category >= UNSEEN[name]
    assert found.language == 1
    assert found.priority is not None
    assert found.priority >= 0.95


@pytest.mark.parametrize("name", ["priority.jsonl", "priority_unseen.jsonl", "priority_unseen_2.jsonl"])
def test_what_is_urgent_is_found_and_hardly_anything_else(name: str) -> None:
    found = figures(judge(read(CORPUS / name), Rules.load()))
    assert found.urgent_found is not None
    assert found.urgent_false is not None
    assert found.priority is not None
    assert found.priority >= 0.95
    assert found.urgent_found >= 0.85
    assert found.urgent_false <= 0.1


def test_urgency_that_no_word_names_is_found_more_often_than_not() -> None:
    found = figures(judge(read(CORPUS / "urgent.jsonl"), Rules.load()))
    assert found.urgent_found is not None
    assert found.urgent_found >= 0.65


def test_shouting_makes_nothing_more_urgent() -> None:
    rules, random = Rules.load(), Random(3)
    for message in random.sample(SEED, 200):
        loud = msgspec.structs.replace(message, text=message.text.upper() + " !!!!!")
        quiet = msgspec.structs.replace(message, text=message.text + " .")
        assert [one.priority for one in judge([loud], rules)] == [one.priority for one in judge([quiet], rules)]
