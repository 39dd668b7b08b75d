"""Files of messages: fetched later, from nowhere but the provider, and never at the ticket's expense."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from channels import Refused, Unavailable
from channels.download import Source, download, is_public
from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.fakes.server import Fake
from tests.provider_desk import hear, text

pytest_plugins = ("tests.provider_fixtures",)
PHOTO = b"\xff\xd8\xff\xe0 a photo"


async def file_of(desk: Desk) -> Any:
    """The only attachment."""
    [row] = await desk.rows("SELECT filename, content_type, size, sha256, state, detail, content FROM attachment")
    return row


def picture(name: str = "media1", **more: Any) -> dict[str, Any]:
    return meta.message("image", content={"id": name, "mime_type": "image/jpeg", **more})


async def fetch_again(desk: Desk) -> None:
    await desk.rows("UPDATE media SET due_at = now() WHERE state = 'pending' RETURNING id")
    await desk.fetch_all()


async def test_a_photo_has_its_place_at_once_and_its_bytes_later(phone_desk: Desk, graph: meta.Meta) -> None:
    await hear(phone_desk, picture(sha256=hashlib.sha256(PHOTO).hexdigest()))
    assert ((await file_of(phone_desk)).state, (await file_of(phone_desk)).content) == ("pending", None)
    graph.media["media1"] = f"{graph.url}/files/a"
    graph.files["a"] = (PHOTO, "image/jpeg")
    await phone_desk.fetch_all()
    row = await file_of(phone_desk)
    assert (row.state, row.content, row.size, row.content_type) == ("stored", PHOTO, len(PHOTO), "image/jpeg")
    assert row.sha256 == hashlib.sha256(PHOTO).hexdigest()
    assert row.filename == f"image-{row.sha256[:8]}.jpg"


async def test_a_large_file_stands_in_the_object_store(phone_desk: Desk, graph: meta.Meta) -> None:
    large = PHOTO * 50_000
    graph.media["media1"], graph.files["a"] = f"{graph.url}/files/a", (large, "image/jpeg")
    await hear(phone_desk, picture())
    await phone_desk.fetch_all()
    row = await file_of(phone_desk)
    assert (row.state, row.content) == ("stored", None)
    assert await phone_desk.fetch.objects.get(row.sha256) == large


async def test_what_twilio_keeps_is_fetched_across_its_redirect_without_the_password(
    phone_desk: Desk, carrier: twilio.Twilio
) -> None:
    path = f"/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages/SM1/Media/ME1"
    carrier.redirects[path] = f"{carrier.url}{path}-real"
    carrier.files[f"{path}-real"] = (PHOTO, "image/jpeg")
    await text(phone_desk, Body="", NumMedia="1", MediaUrl0=carrier.url + path, MediaContentType0="image/jpeg")
    await phone_desk.fetch_all()
    assert (await file_of(phone_desk)).state == "stored"


@pytest.mark.parametrize("trouble", [404, 500, 503, "mime", "digest", "large"])
async def test_a_file_that_cannot_be_had_says_so_and_the_ticket_stands(
    phone_desk: Desk, graph: meta.Meta, trouble: meta.Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:  # B60
    monkeypatch.setattr("workers.fetch.SCHEDULE", (60.0,))
    graph.media["media1"] = f"{graph.url}/files/{'none' if trouble == 404 else 'a'}"
    graph.files["a"] = (
        PHOTO * (10**6 if trouble == "large" else 1),
        "text/html" if trouble == "mime" else "image/jpeg",
    )
    graph.troubles.extend([trouble, trouble] if trouble in (500, 503) else [])
    await hear(phone_desk, picture(**({"sha256": "0" * 64} if trouble == "digest" else {})))
    await phone_desk.fetch_all()
    await fetch_again(phone_desk)
    row = await file_of(phone_desk)
    if trouble == "mime":
        assert (row.state, row.content_type) == ("stored", "application/octet-stream")
        return
    assert row.state == "unavailable"
    words = {404: "does not have the file", "digest": "not the one that was announced", "large": "more than"}
    assert words.get(trouble, "given up after 2 attempts") in row.detail
    assert len(await phone_desk.tickets()) == 1


ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "https://evil.example/a.jpg",
    "https://api.twilio.com.evil.example/a.jpg",
    "https://api.twilio.com@evil.example/a.jpg",
    "https://user:pass@api.twilio.com/a.jpg",
    "http://api.twilio.com/a.jpg",
    "https://api.twilio.com:8443/a.jpg",
    "https://[::1]/a.jpg",
    "file:///etc/passwd",
    "ftp://api.twilio.com/a.jpg",
    "//api.twilio.com/a.jpg",
    "https://api.twilio.com\\@evil.example/",
    "https:///a.jpg",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "",
]


async def test_nothing_is_fetched_from_elsewhere(phone_desk: Desk, carrier: twilio.Twilio) -> None:  # B68, T5, T12
    async with Fake() as evil:
        for place, url in enumerate([*ELSEWHERE, f"{evil.url}/a.jpg", f"http://localhost:{carrier.port}/a.jpg"]):
            await text(phone_desk, MessageSid=f"SM{place}", NumMedia="1", MediaUrl0=url, MediaContentType0="image/jpeg")
        await phone_desk.fetch_all()
        assert evil.asked == []
    assert carrier.asked == []
    states = await phone_desk.rows("SELECT state, count(*) AS times FROM attachment GROUP BY state")
    assert [(row.state, row.times) for row in states] == [("unavailable", len(ELSEWHERE) + 1)]


async def test_a_redirect_leads_nowhere_else_and_takes_no_password(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    path = f"/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages/SM1/Media/ME"
    async with Fake() as evil:
        for place, target in enumerate([f"{evil.url}/a.jpg", "https://169.254.169.254/", "file:///etc/passwd"]):
            carrier.redirects[f"{path}{place}"] = target
            url = f"{carrier.url}{path}{place}"
            await text(phone_desk, MessageSid=f"SM{place}", NumMedia="1", MediaUrl0=url)
        carrier.redirects[f"{path}9"] = f"{carrier.url}{path}9"
        await text(phone_desk, MessageSid="SM9", NumMedia="1", MediaUrl0=f"{carrier.url}{path}9")
        await phone_desk.fetch_all()
        assert evil.asked == []
    details = {row.detail for row in await phone_desk.rows("SELECT detail FROM attachment WHERE state = 'unavailable'")}
    assert len(details) == 3
    assert "the file lies behind more than 4 redirects" in details


PRIVATE = (
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "0.1.2.3", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "64:ff9b:1::1", "100::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::", "2001::1", "0x7f.1", "127.1", "2130706433", "017700000001", "0177.0.0.1",
    "nonsense",
)  # fmt: skip


def test_addresses_that_are_not_everybodys_are_known_in_forty_forms() -> None:  # T12
    assert [address for address in PRIVATE if is_public(address)] == []
    assert is_public("157.240.0.1")
    assert is_public("2a03:2880:f12f::1")


class Names(AbstractResolver):
    """Answers as told: one list for each time that it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        found = self.answers.pop(0)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0) for one in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_inside_is_not_connected_to(answers: list[str]) -> None:
    source = Source(("media.example.com",), {"media.example.com": "secret"})
    with pytest.raises(Refused, match="not public"):
        await download("https://media.example.com/a", source, most=10, resolver=Names(answers))


async def test_a_name_is_asked_once_so_that_it_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.download.is_public", lambda address: address == "127.0.0.2")
    names = Names(["127.0.0.2"], ["127.0.0.1"])  # nobody listens at the first, which counts as public here
    with pytest.raises(Unavailable, match="ClientConnectorError"):
        await download("https://media.example.com/a", Source(("media.example.com",), {}), most=10, resolver=names)
    assert names.answers == [["127.0.0.1"]]
