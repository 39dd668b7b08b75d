"""Solved tickets that said the same are suggested, with what was answered, to who may see them."""

from __future__ import annotations

from models.actor import Actor
from models.suggestion import rank, similar
from tests.desk import Desk, letter

SONIA = Actor("agent", id=1, name="Sonia", role="supervisor")
PAUL = Actor("agent", id=2, name="Paul", role="agent", teams=("technical",))
MATTERS = (
    "Bonjour, ma facture de mars a été prélevée deux fois sur mon compte bancaire, pouvez-vous me rembourser ?",
    "Bonjour, je ne peux plus me connecter à mon espace client, le mot de passe est refusé.",
    "Bonjour, le colis commandé la semaine dernière est arrivé cassé, comment le renvoyer ?",
    "Hello, my invoice of March was charged twice, could you refund me please?",
)
ALIKE = "Bonjour, la facture d'avril a été prélevée deux fois sur le compte bancaire. Remboursez-moi s'il vous plaît."


async def test_what_was_solved_comes_with_its_answer(desk: Desk) -> None:
    for number, body in enumerate((*MATTERS, ALIKE)):
        sender = f"c{number}@example.com"
        await desk.send(letter(body, sender=sender, subject=f"Demande {number}"), sender=sender)
    await desk.settle()
    await desk.reply(1, "Nous avons remboursé la seconde facture.")
    async with desk.database.engine.connect() as connection:
        assert await similar(connection, SONIA, 5) == [], "nothing is solved"
    await desk.rows("UPDATE ticket SET status = 'resolved' WHERE id < 5 RETURNING id")
    async with desk.database.engine.connect() as connection:
        found = await similar(connection, SONIA, 5)
        assert [(one.number, one.answer) for one in found] == [(1, "Nous avons remboursé la seconde facture.")]
        assert 25 < found[0].likeness < 100
        assert await similar(connection, SONIA, 99) == []
    await desk.rows("UPDATE ticket SET team = 'billing' WHERE id = 1 RETURNING id")
    async with desk.database.engine.connect() as connection:
        assert await similar(connection, PAUL, 5) == []


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    common = {number: (frozenset({1, 2, 100 + number}), True) for number in range(3, 50)}
    others = {1: (frozenset({1, 2, 3, 7}), True), 2: (frozenset({1, 8, 9, 7}), True), **common}
    assert rank(frozenset({1, 8, 9, 6}), others)[0][0] == 2
    assert rank(frozenset({1, 2, 5}), {4: (frozenset({1, 2, 5}), False), 5: (frozenset({1, 2, 5}), True)})[0] == (
        5,
        1.0,
    )
    assert rank(frozenset(), others) == []
