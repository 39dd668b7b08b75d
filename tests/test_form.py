"""The form channel: the way of a post, one token one ticket, and our own trouble."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from channels import Busy, TooLarge
from tests.form_site import GOOD, OWN, Page, Site, running


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


# --- the way of a post --------------------------------------------------------------------------------------------


async def test_a_visitor_without_javascript_writes_and_gets_a_tracking_number(site: Site) -> None:
    page = Page(await (await site.client.get("/forms/contact?lang=fr")).text())
    action = page.first("form")["action"]
    assert action == "/forms/contact?lang=fr"
    site.clock.pass_(30)
    response = await site.post(page.values | GOOD | {"name": "Marie  Durand", "category": "billing"}, action)
    assert response.status == 303
    assert re.fullmatch(r"/forms/contact/thanks/\w{80}\?lang=fr", response.headers["Location"])
    thanks = await site.client.get(response.headers["Location"])
    text = await thanks.text()
    assert thanks.status == 200
    assert "1000" in Page(text).text
    assert "numéro de suivi" in text
    message = site.message()
    assert (message.sender.address, message.sender.name) == ("marie.durand@example.fr", "Marie Durand")
    assert message.subject == "Facture en double"
    assert message.reply_text == "Bonjour,\nj’ai payé deux fois."
    assert message.text == "Bonjour,\nj’ai payé deux fois.\n\nThème\N{NO-BREAK SPACE}: Une facture ou un paiement"
    assert message.fields == {"category": "billing"}
    assert message.language == "fr"
    assert (message.answer_by, message.answer_from) == ("email", "support@localhost")
    assert message.spam == ""
    assert message.proof == "unproved"
    assert message.attachments == ()


async def test_the_envelope_says_what_the_door_saw(site: Site) -> None:
    token = await site.token()
    headers = {"User-Agent": "Browser/1", "Origin": str(site.client.make_url("/")).rstrip("/")}
    await site.post(GOOD | {"token": token}, headers=headers)
    envelope = site.accept.only.envelope
    assert (envelope.channel, envelope.account, envelope.remote) == ("form", "contact", "127.0.0.1")
    assert envelope.sender == "marie.durand@example.fr"
    assert envelope.lane == "form:marie.durand@example.fr"
    assert re.fullmatch("[0-9a-f]{32}", envelope.trace_id)
    assert re.fullmatch("[0-9a-f]{64}", envelope.external_id)
    assert envelope.received_at == site.clock.now
    assert envelope.facts["user_agent"] == "Browser/1"
    assert "abuse" not in envelope.facts


async def test_files_come_through_a_multipart_post_byte_for_byte(site: Site) -> None:
    content = os.urandom(300_000) + b"\r\n--not-the-boundary\r\n"
    data = aiohttp.FormData(GOOD | {"token": await site.token()}, quote_fields=False)
    data.add_field("files", content, filename="..\\..\\%22été\u202efdp.exe", content_type="application/pdf; x=y")
    data.add_field("files", b"", filename="", content_type="application/octet-stream")
    data.add_field("unasked", b"ignored", filename="x.txt")
    response = await site.post(data)
    assert response.status == 303
    (file,) = site.message().attachments
    assert (file.filename, file.content_type, file.content) == ('"étéfdp.exe', "application/pdf", content)


async def test_json_is_answered_with_the_number_at_once(site: Site) -> None:
    response = await site.json(GOOD | {"category": "technical_incident", "product": "Modem 3"})
    answer = await response.json()
    assert response.status == 201
    assert answer["number"] == 1000
    assert len(answer["receipt"]) == 80
    message = site.message()
    assert message.fields == {"category": "technical_incident", "product": "Modem 3"}
    assert message.language == ""
    state = await site.client.get(f"/forms/contact/thanks/{answer['receipt']}", headers={"Accept": "application/json"})
    assert await state.json() == {"state": "ticket", "number": 1000, "receipt": answer["receipt"]}


async def test_json_gets_an_address_to_ask_again_while_the_number_is_not_known(site: Site) -> None:
    site.accept.settled = False
    response = await site.json(GOOD)
    answer = await response.json()
    assert response.status == 202
    assert answer["status_url"].startswith("http://127.0.0.1:8080/forms/contact/thanks/")
    path = answer["status_url"].removeprefix("http://127.0.0.1:8080")
    assert (await (await site.client.get(path, headers={"Accept": "application/json"})).json())["state"] == "pending"
    site.accept.settled = True
    assert (await (await site.client.get(path, headers={"Accept": "application/json"})).json())["number"] == 1000


async def test_the_thank_you_page_asks_again_until_the_number_is_there(site: Site) -> None:
    site.accept.settled = False
    location = (await site.post(GOOD)).headers["Location"]
    waiting = await site.client.get(location)
    assert waiting.headers["Refresh"] == "2"
    assert "arrive dans un instant" in await waiting.text()
    site.accept.settled = True
    there = await site.client.get(location)
    assert "Refresh" not in there.headers
    assert "1000" in await there.text()


async def test_a_quarantined_post_ends_with_a_reference_and_no_reloading(site: Site) -> None:
    site.accept.kind = "quarantined"
    thanks = await site.client.get((await site.post(GOOD)).headers["Location"])
    assert "Refresh" not in thanks.headers
    assert site.accept.only.envelope.external_id[:12].upper() in await thanks.text()


async def test_the_thank_you_page_holds_nothing_personal_and_leaks_nowhere(site: Site) -> None:
    thanks = await site.client.get((await site.post(GOOD | {"name": "Durand"})).headers["Location"])
    text = await thanks.text()
    assert not [word for word in ("Durand", "example.fr", "Facture") if word in text]
    assert thanks.headers["Cache-Control"] == "no-store"
    assert thanks.headers["Referrer-Policy"] == "no-referrer"
    assert text.count("<script") == text.count('<script src="/forms/keep.js?')
    assert "style=" not in text


async def test_forged_receipts_and_unknown_forms_look_alike(site: Site) -> None:
    receipt = (await site.post(GOOD)).headers["Location"].rpartition("/")[2]
    forged = [receipt[:-1] + ("a" if receipt[-1] != "a" else "b"), "x", "0" * 64 + "a" * 16, receipt.upper()]
    bodies = set()
    for path in [f"/forms/contact/thanks/{text}" for text in forged] + [f"/forms/none/thanks/{receipt}", "/forms/none"]:
        response = await site.client.get(path)
        assert response.status == 404
        bodies.add(await response.text())
    assert len(bodies) == 1
    assert (await site.post(GOOD, "/forms/none")).status == 404


# --- one token, one ticket (P5, B89) ------------------------------------------------------------------------------


async def test_double_click_refresh_and_second_tab_make_one_ticket(site: Site) -> None:
    data = GOOD | {"token": await site.token()}
    both = await asyncio.gather(site.post(data), site.post(data))
    site.clock.pass_(600)
    again = await site.post(data)
    assert {response.status for response in (*both, again)} == {303}
    assert len({response.headers["Location"] for response in (*both, again)}) == 1
    assert len(site.accept.items) == 1


async def test_a_tab_sent_again_with_other_words_loses_neither_message(site: Site) -> None:
    token = await site.token()
    await site.post(GOOD | {"token": token})
    second = await site.post(GOOD | {"token": token, "message": "Another question"})
    page = Page(await second.text())
    assert second.status == 409
    assert len(site.accept.items) == 1
    assert page.values["message"] == "Another question"
    assert page.values["token"] != token
    assert (await site.post(page.values)).status == 303
    assert [message.reply_text for message in site.messages()][1] == "Another question"
    assert site.messages()[1].spam == ""


@pytest.mark.parametrize("how", ["header", "field"])
async def test_the_same_idempotency_key_gives_the_same_number(site: Site, how: str) -> None:
    headers = {"Idempotency-Key": "order-1"} if how == "header" else {}
    data = GOOD if how == "header" else GOOD | {"idempotency_key": "order-1"}
    answers = [await (await site.json(data, headers=headers)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(site.accept.items) == 1
    other = await site.json(data | {"message": "something else"}, headers=headers)
    assert other.status == 409
    assert other.content_type == "application/problem+json"
    assert (await site.json(data, headers={"Idempotency-Key": "k" * 201})).status == 400


async def test_posts_without_any_key_are_messages_of_their_own(site: Site) -> None:
    await site.post(GOOD)
    await site.post(GOOD)
    assert len(site.accept.items) == 2


async def test_a_key_belongs_to_one_form(tmp_path: Path) -> None:
    two = OWN + OWN.replace("order", "second")
    async with running(tmp_path, two) as site:
        for form in ("order", "second"):
            await site.json({"mail": "a@b.fr", "story": "x", "idempotency_key": "1"}, f"/forms/{form}")
        assert len(site.accept.items) == 2


# --- our own trouble ----------------------------------------------------------------------------------------------


async def test_a_busy_store_gives_the_text_back_and_the_same_page_can_be_sent_again(site: Site) -> None:
    token = await site.token()
    site.accept.trouble = Busy("postgresql://user:hunter2@db is down")
    data = aiohttp.FormData(GOOD | {"token": token, "category": "billing"})
    data.add_field("files", b"x", filename="x.txt")
    response = await site.post(data, "/forms/contact?lang=en")
    text = await response.text()
    page = Page(text)
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "hunter2" not in text
    assert "attach them again" in text
    assert page.values["message"].split() == GOOD["message"].split()
    assert page.values["token"] == token
    assert '<option value="billing" selected>' in text
    site.accept.trouble = None
    assert (await site.post(page.values | {"category": "billing"})).status == 303
    assert len(site.accept.items) == 1
    assert site.message().spam == ""


async def test_json_hears_that_the_store_is_busy(site: Site) -> None:
    site.accept.trouble = Busy("hunter2")
    response = await site.json(GOOD)
    assert response.status == 503
    assert response.headers["Retry-After"]
    assert "hunter2" not in await response.text()


async def test_what_accept_finds_too_large_is_413(site: Site) -> None:
    site.accept.trouble = TooLarge("too large")
    assert (await site.post(GOOD)).status == 413
    assert (await site.json(GOOD)).status == 413


async def test_a_stored_post_is_not_refused_because_its_number_cannot_be_looked_up(site: Site) -> None:
    location = (await site.post(GOOD)).headers["Location"]
    site.accept.trouble = Busy("the database does not answer")
    thanks = await site.client.get(location)
    assert thanks.status == 200
    assert thanks.headers["Refresh"] == "2"
    site.accept.trouble = None
    assert "1000" in await (await site.client.get(location)).text()
