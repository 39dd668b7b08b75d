"""WhatsApp by Meta: from the signed webhook to the ticket, every type of message."""

from __future__ import annotations

import asyncio
from typing import Any

from models.listing import MessageLine
from tests.desk import Desk
from tests.fakes.meta import CUSTOMER, NUMBER, message, webhook
from tests.provider_desk import hear, outcomes, tell

pytest_plugins = ("tests.provider_fixtures",)


async def only(desk: Desk) -> MessageLine:
    """The only message of the only ticket."""
    [line] = await desk.tickets()
    return next(m for m in (await desk.ticket(line.number)).messages if m.direction == "in")


async def test_a_question_becomes_a_ticket_in_its_language(phone_desk: Desk) -> None:
    await hear(phone_desk, message(text="Bonjour, ma facture est fausse, pouvez-vous la corriger ?"))
    [ticket] = await phone_desk.tickets()
    assert (ticket.channel, ticket.contact, ticket.language) == ("meta", f"+{CUSTOMER}", "fr")
    assert ticket.category == "billing"
    assert ticket.subject.startswith("Bonjour, ma facture est fausse")


MEDIA = {
    "id": "media1",
    "mime_type": "image/jpeg",
    "sha256": "81d3bd8a8db4868c9520ed47186e8b7c5789e61ff79f7f834be6950b808a90d3",
}
CARD = {
    "name": {"formatted_name": "Paul Durand"},
    "org": {"company": "Durand SA"},
    "phones": [{"phone": "+33 6 00 00 00 01"}],
    "emails": [{"email": "paul@example.org"}],
}
ITEM = {"product_retailer_id": "SKU-1", "quantity": 2, "item_price": 9.9, "currency": "EUR"}

TYPES: list[tuple[str, Any, str]] = [
    # type, its object, what stands in the ticket
    ("text", {"body": "Où est mon colis ?"}, "Où est mon colis ?"),
    ("image", {**MEDIA, "caption": "Voici la photo"}, "Voici la photo"),
    ("image", MEDIA, "[photo]"),
    ("video", {**MEDIA, "mime_type": "video/mp4"}, "[vidéo]"),
    ("audio", {**MEDIA, "mime_type": "audio/ogg; codecs=opus", "voice": True}, "[message vocal]"),
    ("audio", {**MEDIA, "mime_type": "audio/mpeg"}, "[fichier audio]"),
    ("document", {**MEDIA, "mime_type": "application/pdf", "filename": "../../etc/facture.pdf"}, "[document]"),
    ("sticker", {**MEDIA, "mime_type": "image/webp", "animated": False}, "[autocollant]"),
    (
        "location",
        {"latitude": 48.8584, "longitude": 2.2945, "name": "Tour Eiffel", "address": "Paris"},
        "[position]\nTour Eiffel\nParis\ngeo:48.8584,2.2945",
    ),
    ("contacts", [CARD], "[fiche de contact]\nPaul Durand · Durand SA · +33 6 00 00 00 01 · paul@example.org"),
    ("interactive", {"type": "button_reply", "button_reply": {"id": "yes", "title": "Oui"}}, "Oui"),
    (
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "1", "title": "Livraison", "description": "Où en est-elle"}},
        "Livraison\nOù en est-elle",
    ),
    (
        "interactive",
        {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"a":1}'}},
        '[formulaire rempli]\n{"a":1}',
    ),
    (
        "interactive",
        {"type": "call_permission_reply"},
        "[message de type «\N{NO-BREAK SPACE}call_permission_reply\N{NO-BREAK SPACE}», non pris en charge]",
    ),
    ("button", {"payload": "track", "text": "Suivre ma commande"}, "Suivre ma commande"),
    ("order", {"catalog_id": "1", "text": "Merci", "product_items": [ITEM]}, "[commande]\nMerci\n2 × SKU-1 · 9.9 EUR"),
    (
        "unsupported",
        {"type": "poll"},
        "[message de type «\N{NO-BREAK SPACE}poll\N{NO-BREAK SPACE}», non pris en charge]",
    ),
    ("hologram", {"x": 1}, "[message de type «\N{NO-BREAK SPACE}hologram\N{NO-BREAK SPACE}», non pris en charge]"),
    ("text", {"body": ""}, "[message vide]"),
    ("text", 7, "[message vide]"),
    ("location", {"latitude": "north"}, "[position]"),
    ("contacts", "nobody", "[fiche de contact]"),
]


async def test_every_type_of_message_is_seen(phone_desk: Desk) -> None:  # B58, B59
    customers = [f"336000000{number:02}" for number in range(len(TYPES))]
    await hear(
        phone_desk,
        *(
            message(kind, f"wamid.{who}", who, content=given)
            for who, (kind, given, _) in zip(customers, TYPES, strict=True)
        ),
    )
    assert await outcomes(phone_desk) == len(TYPES) * ["ticket"]
    shown = await phone_desk.rows("SELECT text FROM message WHERE direction = 'in' ORDER BY id")
    assert [row.text for row in shown] == [text for _kind, _content, text in TYPES]


async def test_a_message_without_letters_has_a_subject_that_says_who(phone_desk: Desk) -> None:  # B57
    await hear(phone_desk, message(text="😀👍"))
    [ticket] = await phone_desk.tickets()
    assert ticket.subject == f"Message de +{CUSTOMER}"


CIRCUMSTANCES: list[tuple[dict[str, Any], str]] = [
    ({"context": {"forwarded": True}}, "Message transféré."),
    (
        {"context": {"from": "1", "id": "w", "referred_product": {"product_retailer_id": "SKU-9"}}},
        "À propos du produit SKU-9.",
    ),
    (
        {
            "referral": {
                "source_url": "https://fb.me/1",
                "source_type": "ad",
                "headline": "Soldes",
                "ctwa_clid": "x",
            }
        },
        "Venu par une publicité\N{NO-BREAK SPACE}: Soldes · https://fb.me/1.",
    ),
    (
        {"errors": [{"code": 131051, "title": "Unsupported", "error_data": {"details": "No"}}]},
        "131051 Unsupported: No",
    ),
]


async def test_what_is_said_about_a_message_stands_beside_it(phone_desk: Desk) -> None:
    customers = [f"3360000000{number}" for number in range(len(CIRCUMSTANCES))]
    await hear(
        phone_desk,
        *(
            message("text", f"wamid.{who}", who, text="Bonjour, est-il disponible ?", **more)
            for who, (more, _) in zip(customers, CIRCUMSTANCES, strict=True)
        ),
    )
    rows = await phone_desk.rows("SELECT remarks FROM message WHERE direction = 'in' ORDER BY id")
    assert [row.remarks for row in rows] == [[remark] for _more, remark in CIRCUMSTANCES]


async def test_a_user_without_a_number_is_known_by_the_scoped_id(phone_desk: Desk) -> None:
    sent = {**message(text="Bonjour, sans numéro"), "from_user_id": "FR.13491208655302741918"}
    del sent["from"]
    body = webhook(
        [sent], contacts=[{"profile": {"name": "Léa", "username": "@lea"}, "user_id": "FR.13491208655302741918"}]
    )
    assert await tell(phone_desk, body) == 200
    await phone_desk.settle()
    [ticket] = await phone_desk.tickets()
    assert ticket.contact == "FR.13491208655302741918"
    [row] = await phone_desk.rows("SELECT sender_name FROM message WHERE direction = 'in'")
    assert row.sender_name == "Léa"


async def test_a_user_who_hides_the_number_stays_in_the_conversation(phone_desk: Desk) -> None:
    scoped = {"from_user_id": "FR.1349"}
    await hear(phone_desk, {**message(text="Bonjour, ma commande ?"), **scoped})
    hidden = {**message(wamid="wamid.IN2", text="Elle est en retard"), **scoped}
    del hidden["from"]
    await hear(phone_desk, hidden)
    assert await outcomes(phone_desk) == ["ticket", "appended"]
    assert await contacts(phone_desk) == {f"+{CUSTOMER}": 1, "FR.1349": 1}


async def contacts(desk: Desk) -> dict[str, int]:
    """Address → contact."""
    return {row.address: row.contact_id for row in await desk.rows("SELECT address, contact_id FROM identity")}


async def test_a_reaction_is_kept_in_its_ticket_and_answered_by_nobody(phone_desk: Desk) -> None:  # B59, A21
    await hear(phone_desk, message(text="Merci de votre aide"))
    await hear(phone_desk, message("reaction", "wamid.IN2", content={"message_id": "wamid.IN1", "emoji": "👍"}))
    assert await outcomes(phone_desk) == ["ticket", "machine"]
    [line] = await phone_desk.tickets()
    whole = await phone_desk.ticket(line.number)
    assert [m.text for m in whole.messages if m.direction == "machine"] == ["[réaction 👍 à un message]"]
    assert len(await phone_desk.rows("SELECT 1 FROM outbox")) == 1


async def test_a_deleted_message_stays_and_says_so(phone_desk: Desk) -> None:  # B59
    await hear(phone_desk, message(text="Mon mot de passe est 1234"))
    await hear(phone_desk, message("revoke", "wamid.IN2", content={"original_message_id": "wamid.IN1"}))
    assert "Son auteur a supprimé ce message." in (await only(phone_desk)).remarks
    assert await outcomes(phone_desk) == ["ticket", "machine"]


async def test_an_edited_message_shows_old_and_new_words(phone_desk: Desk) -> None:
    await hear(phone_desk, message(text="Livraison lundi"))
    edit = {"original_message_id": "wamid.IN1", "message": {"type": "text", "text": {"body": "Livraison mardi"}}}
    await hear(phone_desk, message("edit", "wamid.IN2", content=edit))
    [line] = await phone_desk.tickets()
    texts = [m.text for m in (await phone_desk.ticket(line.number)).messages if m.direction != "out"]
    assert texts == ["Livraison lundi", "[message corrigé]\nLivraison mardi"]
    assert "Son auteur a corrigé ce message." in (await only(phone_desk)).remarks


async def test_nobody_can_edit_a_strangers_message(phone_desk: Desk) -> None:
    await hear(phone_desk, message(text="Livraison lundi"))
    content = {"original_message_id": "wamid.IN1"}
    await hear(phone_desk, message("revoke", "wamid.IN2", sender="33699999999", content=content))
    assert (await only(phone_desk)).remarks == []


async def test_a_change_of_number_is_told_in_the_open_ticket(phone_desk: Desk) -> None:
    await hear(phone_desk, message(text="Bonjour, une question"))
    system = {"body": "changed", "type": "user_changed_number", "wa_id": "33699999999"}
    await hear(phone_desk, message("system", "wamid.IN2", content=system))
    [line] = await phone_desk.tickets()
    told = [m.text for m in (await phone_desk.ticket(line.number)).messages if m.direction == "machine"]
    assert told == [f"[changement de numéro\N{NO-BREAK SPACE}: +{CUSTOMER} → +33699999999]"]
    assert await contacts(phone_desk) == {f"+{CUSTOMER}": 1, "+33699999999": 1}
    await hear(phone_desk, message(wamid="wamid.IN3", sender="33699999999", text="C'est moi"))
    assert {row.contact_id for row in await phone_desk.rows("SELECT contact_id FROM ticket")} == {1}


async def test_a_quoted_answer_joins_the_ticket_it_quotes_though_another_is_open(phone_desk: Desk) -> None:  # W2
    await hear(phone_desk, message(text="Première demande"))
    await phone_desk.rows("UPDATE ticket SET status = 'resolved' RETURNING id")
    await hear(phone_desk, message(wamid="wamid.IN2", text="Deuxième demande"))
    await hear(phone_desk, message(wamid="wamid.IN3", text="Au fait", context={"id": "wamid.IN1", "from": NUMBER}))
    rows = await phone_desk.rows("SELECT ticket_id FROM inbox ORDER BY id")
    assert [row.ticket_id for row in rows] == [1, 2, 1]
    assert (await phone_desk.ticket(1)).ticket.status == "open"


async def test_one_bad_event_harms_no_other_of_its_batch(phone_desk: Desk) -> None:  # B62
    good = [message(wamid=f"wamid.IN{n}", sender=f"3361234567{n}", text=f"Question {n}") for n in range(3)]
    body = webhook([good[0], 17, {"id": "wamid.X"}, good[1], {"from": CUSTOMER}, good[2]])  # type: ignore[list-item]
    assert await tell(phone_desk, body) == 200
    await phone_desk.settle()
    assert sorted(await outcomes(phone_desk)) == 3 * ["quarantined"] + 3 * ["ticket"]
    assert {row.last_error for row in await phone_desk.rows("SELECT last_error FROM inbox WHERE state = 'dead'")} == {
        "a message without an id",
        "a message without a sender",
    }


async def test_a_message_that_comes_in_other_batches_and_all_at_once_is_one(phone_desk: Desk) -> None:  # B63
    first, second = message(wamid="wamid.IN1", text="Un"), message(wamid="wamid.IN2", text="Deux")
    batches = [
        webhook([first]),
        webhook([second, first]),
        webhook([first, second]),
        webhook([second]),
        webhook([first]),
    ]
    assert await asyncio.gather(*(tell(phone_desk, body) for body in batches)) == 5 * [200]
    await phone_desk.settle()
    assert sorted(await outcomes(phone_desk)) == ["appended", "ticket"]


async def test_an_album_in_one_instant_is_one_ticket_with_one_acknowledgement(phone_desk: Desk) -> None:  # B64
    album = [message("image", f"wamid.A{n}", content={"id": f"m{n}", "mime_type": "image/jpeg"}) for n in range(10)]
    assert await asyncio.gather(*(tell(phone_desk, webhook([picture])) for picture in album)) == 10 * [200]
    await phone_desk.settle()
    [ticket] = await phone_desk.tickets()
    assert ticket.messages == 11
    assert len(await phone_desk.rows("SELECT 1 FROM outbox")) == 1
    assert len(await phone_desk.rows("SELECT 1 FROM media WHERE state = 'pending'")) == 10


async def test_notices_about_our_account_are_kept_and_shown_to_nobody(phone_desk: Desk) -> None:
    for field in ("message_template_status_update", "phone_number_quality_update", "account_alerts"):
        body = webhook().replace(b'"field":"messages"', b'"field":"%s"' % field.encode())
        assert await tell(phone_desk, body) == 200
    await phone_desk.settle()
    assert await outcomes(phone_desk) == 3 * ["machine"]
    assert await phone_desk.rows("SELECT 1 FROM message") == []


async def test_a_number_that_is_not_ours_goes_to_quarantine(phone_desk: Desk) -> None:  # B69
    assert await tell(phone_desk, webhook([message(text="Bonjour")], number="999")) == 200
    await phone_desk.settle()
    [row] = await phone_desk.rows("SELECT outcome, last_error FROM inbox")
    assert row.outcome == "quarantined"
    assert "999 is not among meta.phone_number_ids" in row.last_error


async def test_what_the_database_cannot_hold_is_replaced(phone_desk: Desk) -> None:  # B10
    body = webhook([message(text="a")]).replace(b'"body":"a"', b'"body":"a\\u0000b"')
    assert await tell(phone_desk, body) == 200
    await phone_desk.settle()
    assert (await only(phone_desk)).text == "a\ufffdb"
