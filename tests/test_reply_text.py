"""Only the customer's new words: quote headers, quoted blocks and signatures are left out, in many languages."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email import html_quotes
from channels.email.reply_text import new_words, split

CORPUS = Path(__file__).parent / "corpus" / "reply"
ANSWER = "Merci, le colis est arrivé.\n\nIl manque une vis."
OLD = "Votre colis est parti ce matin.\n\nL'équipe"
QUOTED = "\n".join(f"> {line}".rstrip() for line in OLD.splitlines())


def samples(name: str) -> list[str]:
    """The samples of a table in the corpus, which stand between lines of '%%'."""
    return (CORPUS / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n%%\n")


ATTRIBUTIONS = samples("attributions")
BLOCKS = samples("label_blocks")
DIVIDERS = samples("dividers")
FORWARDS = samples("forwards")
PROGRAM_LINES = samples("program_lines")
SIGNATURES = samples("signatures")
PROSE = samples("prose")
HTML_QUOTES = samples("html_quotes")
UNSURE_WITHOUT_QUOTES = {
    "Ann Lee (ann@example.org) wrote on 3 March 2025:",
    "Pada Sen, 3 Mar 2025 pukul 10.12 Anna <anna@example.org> menulis:",
}


def named(lines: list[str]) -> list[object]:
    return [pytest.param(line, id=f"{number}-{line[:32]}") for number, line in enumerate(lines)]


@pytest.mark.parametrize("header", named(ATTRIBUTIONS))
def test_an_attribution_and_the_quoted_lines_below_it_go(header: str) -> None:
    assert new_words(f"{ANSWER}\n\n{header}\n\n{QUOTED}\n") == ANSWER
    assert new_words(f"{ANSWER}\n{header}\n{QUOTED}") == ANSWER
    assert new_words(f"{ANSWER}\n\n{header}\n{QUOTED}\n".replace("\n", "\r\n")) == ANSWER


@pytest.mark.parametrize("header", named([line for line in ATTRIBUTIONS if line not in UNSURE_WITHOUT_QUOTES]))
def test_an_attribution_ends_the_answer_where_nothing_marks_the_quote(header: str) -> None:
    assert new_words(f"{ANSWER}\n\n{header}\n\n{OLD}\n") == ANSWER


@pytest.mark.parametrize("header", named(ATTRIBUTIONS))
def test_answers_between_and_below_quoted_lines_stay(header: str) -> None:
    assert new_words(f"{header}\n{QUOTED}\n\n{ANSWER}\n") == ANSWER
    inline = f"Bonjour,\n\n{header}\n> Où ?\n\nIci.\n\n> Quand ?\n> Vite ?\n\nDemain.\n"
    assert new_words(inline) == "Bonjour,\n\nIci.\n\nDemain."


@pytest.mark.parametrize("block", named(BLOCKS))
def test_a_label_block_ends_the_answer(block: str) -> None:
    assert new_words(f"{ANSWER}\n\n{block}\n\n{OLD}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\n________________________________\n{block}\n\n{OLD}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\n-----Original Message-----\n{block}\n\n{OLD}\n") == ANSWER


@pytest.mark.parametrize("block", named(BLOCKS))
def test_a_block_with_nothing_above_it_was_passed_on_and_its_body_is_read(block: str) -> None:
    assert new_words(f"{block}\n\n{OLD}\n") == OLD
    assert new_words(f"Envoyé de mon iPhone\n\nDébut du message réexpédié :\n\n{block}\n\n{OLD}\n") == OLD


@pytest.mark.parametrize("divider", named(DIVIDERS))
def test_a_divider_ends_the_answer(divider: str) -> None:
    assert new_words(f"{ANSWER}\n\n{divider}\n\n{OLD}\n") == ANSWER
    assert new_words(f"{ANSWER}\n{divider}\nFrom: ann@example.org\nSubject: x\n\n{OLD}\n") == ANSWER


@pytest.mark.parametrize("divider", named(FORWARDS))
def test_a_forwarded_mail_is_read_where_nothing_was_written_above_it(divider: str) -> None:
    block = "From: Ann Lee <ann@example.org>\nDate: Mon, 3 Mar 2025 at 10:12\nSubject: Parcel\nTo: <bob@example.org>"
    assert new_words(f"{divider}\n{block}\n\n\n{OLD}\n") == OLD
    assert new_words(f"Voir ci-dessous.\n\n{divider}\n{block}\n\n{OLD}\n") == "Voir ci-dessous."


@pytest.mark.parametrize("line", named(PROGRAM_LINES))
def test_what_a_program_adds_by_itself_goes(line: str) -> None:
    assert new_words(f"{ANSWER}\n\n{line}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\n{line}\n\nLe 03/03/2025 à 10:12, Anne Petit a écrit :\n{QUOTED}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\n{line}\n________________________________\n{BLOCKS[0]}\n\n{OLD}\n") == ANSWER


@pytest.mark.parametrize("signature", named(SIGNATURES))
def test_a_signature_goes(signature: str) -> None:
    assert new_words(f"{ANSWER}\n\n{signature}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\n{signature}\n\n{ATTRIBUTIONS[0]}\n{QUOTED}\n") == ANSWER


@pytest.mark.parametrize("text", named(PROSE))
def test_prose_that_resembles_a_quote_stays_as_it_is(text: str) -> None:
    assert new_words(text) == text
    if ">" not in text:
        assert new_words(f"{text}\n\n{ATTRIBUTIONS[0]}\n{QUOTED}\n") == text


@pytest.mark.parametrize("path", sorted((CORPUS / "mails").glob("*.txt")), ids=lambda path: path.stem)
def test_a_whole_mail_keeps_its_new_words(path: Path) -> None:
    mail, _, expected = path.read_text(encoding="utf-8").partition("\n=====\n")
    assert new_words(mail) == expected.strip()


@pytest.mark.parametrize(
    "marker",
    [
        "##- Please write your reply above this line -##",
        "##- Veuillez répondre au-dessus de cette ligne -##",
        "--- Reply above this line ---",
        "Reply ABOVE THIS LINE to add a note",
        "=== Bitte antworten Sie oberhalb dieser Zeile ===",
        "Veuillez répondre au-dessus de cette ligne",
    ],
)
def test_our_marker_line_ends_the_answer_in_any_case(marker: str) -> None:
    assert new_words(f"{ANSWER}\n\n{marker}\n\n{OLD}\n") == ANSWER
    assert new_words(f"{ANSWER}\n\nLe 3 mars 2025, Support <s@example.org> a écrit :\n\n{marker}\n\n{OLD}\n") == ANSWER
    assert new_words(f"{marker}\n\n{OLD}\n") == ""
    assert new_words(f"> {marker}\n> {OLD}\n\n{ANSWER}\n").endswith(ANSWER)


def test_a_card_below_a_valediction_goes_and_the_name_stays() -> None:
    card = "Cordialement,\n\nMarie Dupont\nResponsable des achats\nVis & Cie\nTél. : +33 1 23 45 67 89\nwww.example.org"
    assert new_words(f"{ANSWER}\n\n{card}\n") == f"{ANSWER}\n\nCordialement,\n\nMarie Dupont"


def test_an_answer_and_a_header_may_share_a_line() -> None:
    header = "On Wed, Mar 5, 2025 at 3:59 PM, ann@example.org wrote:"
    assert new_words(f"Hello\nthanks - a lot--- {header}\n> Hi") == "Hello\nthanks - a lot"
    assert new_words(f"Thanks! {header}\n> Hi") == "Thanks!"
    assert new_words(f"Yes.\n\n{header} Hello, did it arrive?\nBest, Ann") == "Yes."


def test_only_quotes_are_no_new_words() -> None:
    assert new_words("") == ""
    assert new_words(f"{ATTRIBUTIONS[0]}\n{QUOTED}\n") == ""
    assert new_words(QUOTED) == ""
    assert new_words(f"-- \nMarie Dupont\n\n{ATTRIBUTIONS[0]}\n{QUOTED}") == ""


def test_an_attribution_with_nothing_above_it_and_no_marks_below_loses_nothing() -> None:
    assert new_words(f"{ATTRIBUTIONS[0]}\n\n{OLD}\n\n{ANSWER}") == f"{OLD}\n\n{ANSWER}"


def test_a_quote_may_be_marked_with_bars() -> None:
    assert new_words(f"Oui.\n\n{ATTRIBUTIONS[0]}\n| Est-il là ?\n| Vraiment ?\n\nSûr.") == "Oui.\n\nSûr."


def test_the_broken_off_end_of_a_quoted_line_goes_with_it() -> None:
    quoted = "> Nous vous informons que votre commande a quitté notre entrepôt hier\nmatin\n> et arrivera demain."
    assert new_words(f"Merci.\n\n{ATTRIBUTIONS[0]}\n{quoted}\n") == "Merci."
    assert new_words(f"{ATTRIBUTIONS[0]}\n> Oui ?\nnon\n> Sûr ?\noui") == "non\noui"


def test_the_parts_are_told_apart_for_display() -> None:
    told = split(f"{ANSWER}\n\n-- \nMarie\n\n{ATTRIBUTIONS[0]}\n{QUOTED}\n")
    assert (told.new, told.signature) == (ANSWER, "--\nMarie")
    assert told.quoted == f"{ATTRIBUTIONS[0]}\n{QUOTED}"


@pytest.mark.parametrize("quote", named(HTML_QUOTES))
def test_quotes_that_the_markup_names_go(quote: str) -> None:
    html = f"<html><body><div dir='ltr'>Thanks.<br>It came.</div>{quote}</body></html>"
    assert new_words("", html=html) == "Thanks.\nIt came."
    assert new_words("Thanks.\nIt came.\n", html=html) == "Thanks.\nIt came."


def test_answers_between_html_quotes_stay() -> None:
    quote = '<blockquote class="gmail_quote">Where?</blockquote><div>Here.</div><blockquote>When?</blockquote>Soon.'
    html = (
        f'<div class="gmail_quote"><div>On 3 March 2025 at 10:12, Ann &lt;a@example.org&gt; wrote:</div>{quote}</div>'
    )
    assert new_words("", html=html).split() == ["Here.", "Soon."]


def test_the_text_decides_where_it_knows_better_than_the_markup() -> None:
    html = '<p>Yes.</p><div id="divRplyFwdMsg"><b>From:</b> Ann</div><p>Old?</p><p>And no.</p>'
    assert new_words(f"Yes.\n\n{BLOCKS[0]}\n\n> Old?\n\nAnd no.\n", html=html) == "Yes.\n\nAnd no."


def test_a_mail_of_nothing_but_indentation_is_read() -> None:
    assert new_words("", html="<blockquote><p>Hello there</p></blockquote>") == "Hello there"
    assert new_words("", html='<blockquote type="cite"><p>Hello there</p></blockquote>') == ""


def test_markup_without_marks_is_left_as_it_is() -> None:
    html = "<p>Hello <b>you</b>, <blockquote>what?</p>"
    assert html_quotes.cut(html) == html
    assert html_quotes.cut("<div class='yahoo_quoted'>x") == ""


HOSTILE = {
    "le": "Le " * 20_000,
    "le with a colon": "Le " * 20_000 + ":",
    "on": "On " * 100_000,
    "on in lines": "On 3\n" * 100_000,
    "labels": "De :\n" * 5_000,
    "labels with addresses": "De : a@example.org\nEnvoyé : 3\n\n" * 30_000,
    "marks": ">" * 1_000_000,
    "marks in lines": ">\n" * 200_000,
    "one line": "wrote " * 170_000 + ":",
    "many lines": "somebody wrote:\n" * 100_000,
    "many attributions": "On 3/3/2025 10:12 a <a@example.org> wrote:\n> x\n" * 50_000,
    "dividers": "-----Original Message-----\n> x\n" * 40_000,
    "signatures": "-- \n" * 100_000,
    "alternating": "--\n>\n" * 50_000,
    "dates": "3/3/2025 10:12 " * 60_000 + ":",
    "invisible": "\u200b" * 1_000_000 + ":",
    "markers": "x above this line\n" * 60_000,
    "carriage returns": "\r" * 500_000,
    "dates of tables": "3/3/2025 10:12\nTo\n" * 50_000,
    "writers and dates": "Ann Lee wrote on 3/3/2025 10:12:\n" * 40_000,
    "names, then dates": "Ann <a@b.example>\n3/3/2025 10:12:\n" * 40_000,
    "shared dividers": "x -----Original Message-----\n" * 40_000,
    "shared dashes": ("a -- " * 60 + "-\n") * 4_000,
    "labels with marks": "> From: a@b.example\nx\n" * 40_000,
    "halves of an attribution": "On 3 March\n\n<a@b.example> wrote\n" * 40_000,
    "pictures": "[cid:x]\n" * 100_000,
}
HOSTILE_HTML = {
    "unclosed tags": "<a " * 300_000,
    "a long name": "<" + "a" * 1_000_000,
    "nested containers": '<div class="gmail_quote"><blockquote>' * 20_000 + "x",
    "classes": '<div class="' + "a " * 200_000 + 'gmail_quote">',
    "marks in text": "gmail_quote " * 80_000,
    "marked tags": '<div class="yahoo_quoted">' * 40_000,
    "many elements": "".join(f'<a{number} class="yahoo_quoted">' for number in range(20_000)),
    "styles": '<div style="' + "border-top: " * 100_000 + 'E1E1E1">',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_less_than_a_second(name: str) -> None:
    began = time.process_time()
    new_words(HOSTILE[name])
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", HOSTILE_HTML)
def test_hostile_markup_is_cut_in_less_than_a_second(name: str) -> None:
    began = time.process_time()
    html_quotes.cut(HOSTILE_HTML[name])
    html_quotes.without_indentation(HOSTILE_HTML[name])
    assert time.process_time() - began < 1


LINES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [*ATTRIBUTIONS[:8], *BLOCKS[:3], *DIVIDERS[:3], *FORWARDS[:3], *SIGNATURES, *PROGRAM_LINES[:4], *PROSE]
    ),
    st.sampled_from(
        ["", "> quoted", ">> deeper", "words", "Hello,", "-- ", "---", "| bar", ">", ":", "From:", "wrote:"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=14).map("\n".join))
def test_what_leaves_is_lines_of_what_came_in_their_order(text: str) -> None:
    came = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for line in filter(str.strip, new_words(text).split("\n")):
        assert any(line.strip() in candidate for candidate in came)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Hello,", "It came.", "Is it 3 or 4?", "- a screw", "", "Merci :", "Bien à vous,"]), min_size=1
    ),
    st.sampled_from([*ATTRIBUTIONS, *BLOCKS, *DIVIDERS]),
    st.booleans(),
)
def test_reading_the_new_words_again_changes_nothing(lines: list[str], header: str, marked: bool) -> None:
    once = new_words("\n".join([*lines, "Words.", "", header, QUOTED if marked else OLD]))
    assert new_words(once) == once


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(alphabet="<>/ab=\"' divclassgmail_quote", max_size=200))
def test_nothing_is_ever_raised(text: str, html: str) -> None:
    new_words(text, html=html)
    html_quotes.cut(html)
