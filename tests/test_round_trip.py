"""What Python's own email package writes, in all its manners, is read as it was meant."""

from __future__ import annotations

from random import Random

import pytest

from channels.email.mime import read
from tests.composed_mail import compose

LETTERS = 300


@pytest.mark.parametrize("part", range(4))
def test_what_a_standard_generator_wrote_is_read_exactly(part):
    for seed in range(part * LETTERS, (part + 1) * LETTERS):
        letter = compose(Random(seed))
        found = read(letter.raw)
        where = f"letter {seed}: {letter.manner}"
        assert " ".join(found.subject.split()) == " ".join(letter.subject.split()), where
        assert [(author.address, author.name) for author in found.senders] == [(letter.address, letter.name)], where
        assert found.text.rstrip("\n") == letter.text, where
        assert found.html.rstrip("\n") == letter.html, where
        assert [(file.filename, file.content) for file in found.attachments] == letter.files, where
        assert found.remarks == (), where
