"""`make read-quality`: our own corpus is read as well as we promise, and what is read badly is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.quality import __main__ as command
from tests.quality import compare, conversations, corpus, report
from tests.quality.__main__ import OWN, measure


def test_every_figure_of_our_own_corpus_reaches_its_target_and_no_mail_is_read_wrongly() -> None:
    scores = measure(OWN)
    assert [figure.name for figure in report.figures(scores) if not figure.reached] == []
    assert report.worst(scores, 3).keys() <= {"new text token F1"}, "a signature may be left; nothing else"


def test_replies_made_up_of_our_tables_keep_the_customers_words() -> None:
    found = {figure.name: figure.value for figure in report.figures(command.measure_generated(1_000, seed=7))}
    assert found["new text exact"] >= 0.99
    assert found["new text token F1"] >= 0.99
    assert found["customer words kept"] >= 0.995


def written(folder: Path, expect: dict[str, object], text: str = "Yes.\n\n> Is it?\n") -> Path:
    place = folder / "reply"
    place.mkdir(parents=True)
    (place / "one.eml").write_text(f"From: ana@nord.example\nSubject: Re: It\n\n{text}")
    (place / "one.json").write_text(json.dumps({"lang": "fr", "expect": expect}))
    return folder


@pytest.mark.parametrize(
    ("expect", "figures"),
    [
        ({"subject": "Another"}, {"headers"}),
        ({"n_atts": 1}, {"attachments"}),
        ({"text": "Something else"}, {"body similarity"}),
        (
            {"exact": "No. Never."},
            {"new text exact", "new text token F1", "customer words kept", "French token F1"},
        ),
        ({"contains": ["never"]}, {"new text phrases"}),
        ({"absent": ["Yes."]}, {"new text phrases"}),
        ({"kind": "bounce"}, {"bounces found"}),
        ({"kind": "vacation"}, {"automatic answers"}),
    ],
)
def test_what_is_read_otherwise_than_expected_is_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], expect: dict[str, object], figures: set[str]
) -> None:
    assert command.main([str(written(tmp_path, expect)), "--json"]) == 1
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    assert {row["name"] for row in rows if row["value"] < 0.9} == figures


def test_a_false_alarm_is_below(tmp_path: Path) -> None:
    folder = written(tmp_path, {"kind": "human"})
    path = folder / "reply" / "one.eml"
    path.write_text("Auto-Submitted: auto-replied\n" + path.read_text())
    assert command.main([str(folder)]) == 1


def test_expected_values_that_nothing_measures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sbject"):
        corpus.load(written(tmp_path, {"sbject": "It"}))


def test_a_folder_without_expected_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command.main([str(tmp_path)])


def test_a_short_signature_is_forgiven_and_a_lost_sentence_is_not() -> None:
    assert compare.is_exact("Yes.\n\nAna", "Yes.")
    assert compare.is_exact("Yes.", "Yes.\n\nAna\nNord & Co")
    assert not compare.is_exact("Yes.", "Yes.\n" + "But it does not work at all in the new house of ours. " * 4)
    assert compare.loses_words("Yes.", "No.")


def test_a_thread_that_is_torn_or_shared_is_seen(tmp_path: Path) -> None:
    place = tmp_path / "threads"
    place.mkdir()
    rows = []
    for number, (sender, answers, thread) in enumerate(
        [("ana", "", "a"), ("ana", "0", "b"), ("bob", "", "c"), ("bob", "", "c")]
    ):
        answered = f"In-Reply-To: <{answers}@nord.example>\n" if answers else ""
        header = f"From: {sender}@nord.example\nMessage-ID: <{number}@nord.example>\n{answered}Subject: It\n"
        (place / f"{number}.eml").write_text(f"{header}\nHello {number}\n")
        rows.append(json.dumps({"file": f"{number}.eml", "expect": {"thread": thread}}))
    (place / "expected.jsonl").write_text("\n".join(rows))
    by_case = {}
    for score in conversations.scores(corpus.load(tmp_path)):
        by_case.setdefault(score.figure, []).append(score.value)
    assert by_case["strangers kept apart"] == [0, 0, 1, 1]
    assert [round(value, 2) for value in by_case["threads F1"]] == [0.67, 0.67, 0.67, 0.67]
