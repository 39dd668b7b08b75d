"""The form pages, the definitions of forms and the pure parts below them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from channels import Malformed, wording
from channels.form import Form, definition, pages
from channels.form.abuse import Window
from config.settings import Settings
from models.envelope import Envelope, RawMessage
from tests.form_site import GOOD, OWN, Page, Site, running


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "query", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "", "fr"),
        ("en-GB", "", "en"),
        ("de, en;q=0.5, fr;q=0.6", "", "fr"),
        ("de", "", "fr"),
        ("", "", "fr"),
        ("en;q=0, fr;q=x", "", "fr"),
        ("fr", "?lang=en", "en"),
        ("en", "?lang=tlh", "en"),
    ],
)
async def test_the_page_speaks_the_visitors_language(site: Site, header: str, query: str, language: str) -> None:
    response = await site.client.get(f"/forms/contact{query}", headers={"Accept-Language": header})
    page = Page(await response.text())
    assert page.first("html")["lang"] == response.headers["Content-Language"] == language
    assert ("Contactez-nous" if language == "fr" else "Contact us") in page.text


async def test_the_language_counts_only_where_somebody_chose_it(site: Site) -> None:
    for header, said in (("en", "en"), ("de", "")):
        page = Page(await (await site.client.get("/forms/contact", headers={"Accept-Language": header})).text())
        site.clock.pass_(5)
        await site.post(page.values | GOOD, page.first("form")["action"] or "")
        assert site.messages()[-1].language == said


async def test_every_answer_is_guarded_and_only_embedded_pages_may_be_framed(tmp_path: Path) -> None:
    async with running(tmp_path, OWN) as site:
        for response in (
            await site.client.get("/forms/order"),
            await site.client.get("/forms/none"),
            await site.post({"mail": "x"}, "/forms/order"),
            await site.post({"story": "x"}, "/forms/order"),
            await site.json({"story": "x"}, "/forms/order"),
            await site.client.get("/forms/form.css"),
        ):
            policy = response.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"]
        framed = await site.client.get("/forms/order?embed=1")
        assert "frame-ancestors https://shop.example" in framed.headers["Content-Security-Policy"]
        assert "X-Frame-Options" not in framed.headers
        page = Page(await framed.text())
        assert "embed=1" in (page.first("form")["action"] or "")
        response = await site.post({"story": "x"}, "/forms/order?embed=1")
        assert response.headers["Location"].endswith("?embed=1")


async def test_every_field_has_a_label_and_nothing_is_inline(site: Site) -> None:
    text = await (await site.client.get("/forms/contact")).text()
    page = Page(text)
    labels = {attributes["for"] for tag, attributes in page.tags if tag == "label"}
    fields = [attributes for attributes in page.attributes.values() if attributes.get("type") != "hidden"]
    assert {attributes["id"] for attributes in fields} == labels
    assert page.attributes["website"]["tabindex"] == "-1"
    assert page.attributes["website"]["autocomplete"] == "off"
    assert "style=" not in text
    assert text.count("<script") == text.count('<script src="/forms/keep.js?')
    assert not re.search(r" on\w+=", text)
    assert len(text.encode()) + sum(len((pages.FOLDER / name).read_bytes()) for name in pages.ASSETS) < 40_000


async def test_a_path_that_a_proxy_adds_stands_before_every_link(tmp_path: Path) -> None:
    async with running(tmp_path, public_url="https://help.example/desk/") as site:
        page = Page(await (await site.client.get("/forms/contact")).text())
        assert page.first("form")["action"] == "/desk/forms/contact"
        assert (await site.post(GOOD)).headers["Location"].startswith("/desk/forms/contact/thanks/")
        site.accept.settled = False
        answer = await (await site.json(GOOD)).json()
        assert answer["status_url"].startswith("https://help.example/desk/forms/contact/thanks/")


def test_both_languages_have_the_same_texts() -> None:
    texts = tomllib.loads((pages.FOLDER / "texts.toml").read_text("utf-8"))
    assert set(texts) == {"fr", "en"}

    def keys(table: dict[str, Any]) -> dict[str, Any]:
        return {key: keys(value) if isinstance(value, dict) else None for key, value in table.items()}

    assert keys(texts["fr"]) == keys(texts["en"])


# --- reading and configuring --------------------------------------------------------------------------------------


def test_bytes_that_are_no_submission_are_malformed(tmp_path: Path) -> None:
    channel = Form("form", Settings(var=tmp_path))
    raw = _any_raw(b"")
    for body in (b"", b"\xc1", b"hello", b"\x81\xa4form\x01", b"\x91" * 100_000):
        with pytest.raises(Malformed):
            channel.normalise(RawMessage(raw.envelope, body))


async def test_a_form_that_is_gone_is_quarantined_with_a_reason(site: Site) -> None:
    await site.post(GOOD)
    del site.channel.forms["contact"]
    with pytest.raises(Malformed, match="contact"):
        site.message()


def _any_raw(body: bytes) -> RawMessage:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    envelope = Envelope(
        channel="form", account="x", external_id="x", sender="", received_at=now, trace_id="0" * 32, lane="x"
    )
    return RawMessage(envelope, body)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('type = "hidden"', 'type = "hiden"', "order.fields.4.type"),
        ("max_length = 20\n", 'max_length = 20\nname2 = "x"\n', "order.fields.4.name2"),
        ('fills = "message"', 'fills = ""', "no field fills message"),
        ('name = "gift"', 'name = "kind"', "defined twice: kind"),
        ('name = "gift"', 'name = "token"', "the page's own"),
        ('name = "gift"', 'name = "nickname"', "honeypot"),
        ('name = "campaign"', 'name = "priority"', "needs options"),
        ('fills = "email"', 'fills = ""', "fills email"),
        ("[order]", "[Order Form]", "forms.toml"),
        ('priority = "high"', 'priority = "hot"', "order.fields.2.options.0.priority"),
    ],
)
def test_mistakes_in_definitions_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in OWN
    path = tmp_path / "forms.toml"
    path.write_text(OWN.replace(old, new), "utf-8")
    with pytest.raises(definition.DefinitionError, match=re.escape(said)) as error:
        definition.load(path)
    assert str(path) in str(error.value)


def test_the_forms_that_ship_can_be_read() -> None:
    category = next(field for field in definition.load()["contact"].fields if field.role == "category")
    triage = tomllib.loads((definition.SHIPPED.parent / "triage.toml").read_text("utf-8"))
    assert {option.value for option in category.options} <= set(triage["categories"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\CON.txt", "CON.txt"),
        ("\u200b.htaccess", "htaccess"),
        ("a\r\nb.txt", "a b.txt"),
        ("..\uff0fx", "x"),
        ("/", ""),
        ("", ""),
        ("x" * 10_000 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_file_names_are_for_display_only(given: str, shown: str) -> None:
    assert wording.filename(given) == shown


def test_first_words_end_between_words() -> None:
    assert wording.first_words("short\ntext") == "short text"
    assert wording.first_words("word " * 30) == "word " * 11 + "word…"
    assert wording.first_words("x" * 100) == "x" * 60 + "…"


def test_the_window_forgets_whoever_was_quiet_longest() -> None:
    window = Window(most_posts=2, most_senders=2)
    assert [window.count(sender, 0.0) for sender in ("a", "b", "a", "c", "b", "c")] == [1, 1, 2, 1, 1, 2]
    assert [window.count("c", 1.0), window.count("c", 62.0)] == [2, 1]
