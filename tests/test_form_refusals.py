"""The form channel: what it asks for, what it ignores, who may post."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from channels.form import challenge, typed_address
from tests.form_site import GOOD, OWN, Page, Site, running


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


# --- cross-site (B85, T21) ----------------------------------------------------------------------------------------


async def foreign_token(site: Site) -> str:
    return challenge.issue(b"another installation's key", "contact", site.clock.now.timestamp() - 10, b"x" * 12)


async def other_forms_token(site: Site) -> str:
    return challenge.issue(site_key(site), "order", site.clock.now.timestamp() - 10, b"x" * 12)


async def token_from_the_future(site: Site) -> str:
    return challenge.issue(site_key(site), "contact", site.clock.now.timestamp() + 4000, b"x" * 12)


async def nonsense(site: Site) -> str:
    return "1.2.3\x00"


def site_key(site: Site) -> bytes:
    return hashlib.sha256(b"a test's secret").digest()


@pytest.mark.parametrize("token", [foreign_token, other_forms_token, token_from_the_future, nonsense])
async def test_a_token_that_is_not_ours_is_refused_and_the_text_kept(site: Site, token: Any) -> None:
    response = await site.post(GOOD | {"token": await token(site), "name": "<b>Marie</b>"})
    text = await response.text()
    page = Page(text)
    assert response.status == 403
    assert not site.accept.items
    assert page.values["message"] == "Bonjour,\nj’ai payé deux fois.".replace("\n", "\r\n")
    assert "<b>" not in text
    assert page.values["name"] == "<b>Marie</b>"
    again = await site.post(page.values)
    assert again.status == 303
    assert site.message().spam == ""


async def test_our_token_posted_from_another_site_is_refused(site: Site) -> None:
    token = await site.token()
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://["},
    ):
        assert (await site.post(GOOD | {"token": token}, headers=headers)).status == 403
    assert not site.accept.items
    for headers in ({"Origin": "null"}, {"Origin": "http://127.0.0.1:8080"}):
        assert (await site.post(GOOD | {"token": token}, headers=headers)).status == 303


async def test_ones_own_html_may_post_from_the_sites_that_the_form_names(tmp_path: Path) -> None:
    data = {"mail": "a@b.fr", "story": "x"}
    async with running(tmp_path, OWN) as site:
        assert (await site.post(data, "/forms/order", headers={"Origin": "https://evil.example"})).status == 403
        assert (await site.post(data, "/forms/order", headers={"Origin": "https://shop.example"})).status == 303


async def test_an_expired_page_asks_to_send_again_and_keeps_the_text(site: Site) -> None:
    token = await site.token()
    site.clock.pass_(24 * 3600)
    response = await site.post(GOOD | {"token": token}, "/forms/contact?lang=en")
    page = Page(await response.text())
    assert response.status == 403
    assert "open for a long time" in page.text
    assert not site.accept.items
    assert (await site.post(page.values)).status == 303
    assert site.message().spam == ""


# --- what is asked and what is ignored (B84, B87, T20) ------------------------------------------------------------


async def test_unknown_fields_never_reach_the_ticket(site: Site) -> None:
    extra = {"status": "closed", "assignee": "1", "priority": "urgent", "bcc": "x@evil.example", "email[]": "y@evil"}
    await site.post(GOOD | extra | {"fields[category]": "billing"})
    message = site.message()
    assert message.fields == {}
    assert "evil" not in repr(message)
    assert "closed" not in repr(message)
    assert "evil" not in site.accept.only.body.decode("latin-1")


async def test_of_a_value_sent_twice_the_first_counts(site: Site) -> None:
    await site.post([*GOOD.items(), ("subject", "Second"), ("category", "other"), ("category", "billing")])
    assert site.message().subject == "Facture en double"
    assert site.message().fields == {"category": "other"}


async def test_arrays_and_objects_are_refused_where_text_is_asked(site: Site) -> None:
    response = await site.json(GOOD | {"subject": ["a", "b"], "message": {"$gt": ""}, "unknown": [1]})
    problem = await response.json()
    assert response.status == 422
    assert response.content_type == "application/problem+json"
    assert {error["field"]: error["code"] for error in problem["errors"]} == {
        "subject": "one_value",
        "message": "one_value",
    }


@pytest.mark.parametrize(
    "address",
    [
        "a@b.fr\r\nBcc: x@evil.example",
        "a@b.fr\n",
        "a@b.fr, c@d.fr",
        "a@b.fr;c@d.fr",
        "a@b.fr c@d.fr",
        "Marie <a@b.fr>",
        "<a@b.fr>",
        '"a b"@c.fr',
        "a(&email=v@v.org&)@evil.example",
        "a@b.fr\x00",
        "a\u202e@b.fr",
        "a@gmail",
        "a@@b.fr",
        "a@b..fr",
        "a@127.0.0.1",
        "@b.fr",
        "a@-b.fr",
        "x" * 65 + "@b.fr",
        "a@" + "b" * 64 + ".fr",
        "a@" + "b." * 200 + "fr",
        "not an address",
    ],
)
async def test_anything_but_one_bare_address_is_refused(site: Site, address: str) -> None:
    response = await site.json(GOOD | {"email": address})
    assert response.status == 422
    assert [error["field"] for error in (await response.json())["errors"]] == ["email"]
    assert not site.accept.items


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" Marie+web@Example.FR ", "marie+web@example.fr"),
        ("élodie@exämple.de", "élodie@xn--exmple-cua.de"),
        ("o'brien_1@a-b.co.uk", "o'brien_1@a-b.co.uk"),
        ("dev@localhost", "dev@localhost"),
    ],
)
def test_addresses_are_read_as_people_type_them(typed: str, address: str) -> None:
    assert typed_address.read(typed) == address


async def test_errors_are_linked_to_their_fields_and_the_text_is_kept(site: Site) -> None:
    token = await site.token()
    data = {"token": token, "email": "nobody", "message": "Hello <script>alert(1)</script>", "category": "hacked"}
    response = await site.post(data, "/forms/contact?lang=en")
    text = await response.text()
    page = Page(text)
    assert response.status == 422
    assert not site.accept.items
    for name in ("email", "subject", "category"):
        assert f"error-{name}" in (page.attributes[name]["aria-describedby"] or "").split()
        assert page.attributes[name]["aria-invalid"] == "true"
        assert any(attributes.get("id") == f"error-{name}" for _, attributes in page.tags)
        assert ("a", {"href": f"#field-{name}"}) in page.tags
    assert "aria-invalid" not in page.attributes["message"]
    assert page.values["message"] == "Hello <script>alert(1)</script>"
    assert "<script>" not in text
    assert page.values["token"] == token
    assert "Please fill in this field." in page.text


async def test_limits_of_length_are_said(site: Site) -> None:
    problem = await (await site.json(GOOD | {"subject": "x" * 201}, "/forms/contact?lang=en")).json()
    assert problem["errors"] == [{"field": "subject", "code": "too_long", "detail": "At most 200 characters."}]


async def test_options_set_category_priority_and_product(tmp_path: Path) -> None:
    async with running(tmp_path, OWN) as site:
        data = {"mail": "a@b.fr", "story": "Too late", "kind": "late", "gift": "on", "campaign": "spring"}
        assert (await site.json(data, "/forms/order?lang=en")).status == 201
        message = site.message()
        assert message.fields == {"category": "delivery", "priority": "high"}
        assert message.text == "Too late\n\nKind: Late\nGift: Yes\nCampaign: spring"
        assert message.subject == "Order – Too late"
        assert (message.answer_by, message.answer_from) == ("pigeon", "loft@example.test")
        assert site.accept.only.envelope.account == "shop"


async def test_a_form_without_an_address_is_kept_for_nobody_in_particular(tmp_path: Path) -> None:
    async with running(tmp_path, OWN) as site:
        for _ in range(2):
            await site.json({"story": "Anonymous"}, "/forms/order")
        assert [message.sender.address for message in site.messages()] == ["", ""]
        assert len({raw.envelope.lane for raw in site.accept.items.values()}) == 2


async def test_templates_in_names_stay_literal(site: Site) -> None:
    name = "{{7*7}} {customer.token} ${7*7} %(x)s"
    response = await site.post({"email": "no", "name": name, "message": "{% raw %}", "subject": "x"})
    page = Page(await response.text())
    assert page.values["name"] == name
    assert page.values["message"] == "{% raw %}"
    await site.post(GOOD | {"name": name})
    assert site.message().sender.name == name


async def test_control_and_direction_marks_do_not_reach_names_and_subjects(site: Site) -> None:
    await site.json(GOOD | {"subject": "Re: \u202eevil\u200b\r\nBcc: x\x00", "name": "A\ud800B", "message": "a\x00b"})
    message = site.message()
    assert message.subject == "Re: evil Bcc: x\ufffd"
    assert message.sender.name == "A?B"
    assert message.text == "a\ufffdb"
