"""Phrases looked up in a text: what stands where, against a slow search, and what cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.lexicon import STOP, Lexicon, Phrase, fold, tokens


def found(phrase: str, text: str) -> list[int]:
    return [at for _phrase, at in Lexicon([Phrase.parse(phrase)]).scan(tokens(fold(text)))]


@pytest.mark.parametrize(
    ("phrase", "text", "positions"),
    [
        ("facture", "Ma facture, la Facture", [1, 4]),
        ("facture", "factures", []),
        ("factur*", "Facturation et factures", [0, 2]),
        ("mot de passe", "mon mot de passe", [1]),
        ("mot de passe", "mot passe de", []),
        ("mot de passe", "un mot. De passe", []),
        ("perdu|oublie mon", "j'ai oublié mon sac", [1]),
        ("debite .. deux fois", "débité de 10 euros deux fois", [0]),
        ("debite .. deux fois", "débité un deux trois quatre deux fois", []),
        ("debite .. deux fois", "débité, deux fois", []),
        ("ne .. fonctionn* .. plus", "il ne me fonctionne presque plus", [1]),
        ("n'arrive pas", "je n’arrive pas", [1]),
        ("can't log in", "I cant log in, I can't log in", [1, 6]),
        ("plus d'internet", "plus d’internet, plus internet", [0, 3]),
        ("ecran|page d'accueil", "la page d'accueil", [1]),
        ("pick up", "the pick-up point", [1]),
        ("a b a", "a b a b a", [0, 2]),
        ("fin", "la fin\n\nfin", [1, 3]),
    ],
)
def test_a_phrase_is_found_where_it_stands(phrase: str, text: str, positions: list[int]) -> None:
    assert sorted(found(phrase, text)) == positions


@given(
    st.lists(st.sampled_from(["aa", "bb", "cc*", "aa|bb", "ccc"]), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.lists(st.sampled_from(["aa", "bb", "ccc", "cccd", STOP]), max_size=14),
)
def test_the_index_finds_what_a_slow_search_finds(words: list[str], gaps: list[bool], text: list[str]) -> None:
    words = [word.replace("cc*", "ccc*") for word in words]
    written = " .. ".join(words) if all(gaps) else " ".join(words)
    phrase = Phrase.parse(written)
    reach = 4 if ".." in written else 1

    def stands(place: int, word: int) -> bool:
        if not phrase.words[word].fits(text[place]):
            return False
        if word + 1 == len(phrase.words):
            return True
        for later in range(place + 1, min(place + 1 + reach, len(text))):
            if text[later] == STOP:
                return False
            if stands(later, word + 1):
                return True
        return False

    slow = {place for place in range(len(text)) if stands(place, 0)}
    quick = {place for _phrase, place in Lexicon([phrase]).scan(text)}
    assert quick <= slow
    assert bool(quick) == bool(slow)


@pytest.mark.parametrize("text", ["", "..", "hier|aujourd'hui", "ab*", "a|", "é?", "*", "mot (de) passe"])
def test_a_phrase_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Phrase.parse(text)


def test_a_lexicon_forgets_words_instead_of_growing_for_ever() -> None:
    lexicon = Lexicon([Phrase.parse("facture")])
    for first in range(0, 40_000, 100):
        assert lexicon.scan([*(f"w{number}" for number in range(first, first + 100)), "facture"]) != []
    assert len(lexicon._known) < 20_000
