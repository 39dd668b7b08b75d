"""The form channel against machines, floods and hostile bodies."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import aiohttp
import pytest

from channels import charset
from channels.client_address import nearest_stranger, neighbourhood, networks
from channels.form import challenge
from tests.form_site import GOOD, OWN, Page, Site, running


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


# --- abuse (B83) --------------------------------------------------------------------------------------------------


async def spam_of(site: Site, response: aiohttp.ClientResponse) -> str:
    assert response.status == 303
    assert "1000" in await (await site.client.get(response.headers["Location"])).text()
    return site.message().spam


async def test_a_filled_honeypot_is_thanked_and_kept_as_spam(site: Site) -> None:
    data = GOOD | {"token": await site.token(), "website": "http://buy.example"}
    assert "people do not see" in await spam_of(site, await site.post(data))


async def test_a_page_sent_back_too_soon_is_thanked_and_kept_as_spam(site: Site) -> None:
    token = Page(await (await site.client.get("/forms/contact")).text()).values["token"]
    site.clock.pass_(1.9)
    assert "after 1.9 s" in await spam_of(site, await site.post(GOOD | {"token": token}))


async def test_a_person_who_takes_two_seconds_is_no_spammer(site: Site) -> None:
    token = Page(await (await site.client.get("/forms/contact")).text()).values["token"]
    site.clock.pass_(2.0)
    assert await spam_of(site, await site.post(GOOD | {"token": token})) == ""


async def test_the_21st_post_of_a_minute_is_spam_and_a_minute_later_none_is(site: Site) -> None:
    for _ in range(21):
        assert (await site.post(GOOD)).status == 303
        site.clock.pass_(1)
    assert [bool(message.spam) for message in site.messages()] == [False] * 20 + [True]
    site.clock.pass_(60)
    await site.post(GOOD)
    assert site.messages()[-1].spam == ""


async def test_addresses_behind_our_proxy_are_counted_one_by_one(tmp_path: Path) -> None:
    async with running(tmp_path, http={"trusted_proxies": ["127.0.0.0/8"]}, form={"per_minute": 1}) as site:
        for client in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"):
            await site.post(GOOD, headers={"X-Forwarded-For": f"10.9.9.9, {client}"})
        assert [bool(message.spam) for message in site.messages()] == [False, False, False, True]
        assert next(iter(site.accept.items.values())).envelope.remote == "192.0.2.1"


async def test_x_forwarded_for_of_a_stranger_proves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, form={"per_minute": 1}) as site:
        for client in ("192.0.2.1", "192.0.2.2"):
            await site.post(GOOD, headers={"X-Forwarded-For": client})
        assert [bool(message.spam) for message in site.messages()] == [False, True]


def test_the_hop_before_our_proxies_is_the_client() -> None:
    ours = networks(["10.0.0.0/8", "::1"])
    assert nearest_stranger("10.0.0.1", ["6.6.6.6, 192.0.2.7:443", "10.0.0.2"], ours) == "192.0.2.7"
    assert nearest_stranger("::1", ["[2001:db8::5]:99"], ours) == "2001:db8::5"
    assert nearest_stranger("::ffff:10.0.0.1", ["nonsense"], ours) == "10.0.0.1"
    assert nearest_stranger("10.0.0.1", [], ours) == "10.0.0.1"
    assert nearest_stranger("", ["192.0.2.7"], ours) == ""
    assert neighbourhood("2001:db8::5") == "2001:db8::/64"
    assert neighbourhood("") == ""


def solve(token: str, bits: int) -> str:
    return next(str(number) for number in range(10**7) if challenge.solved(token, str(number), bits))


async def test_without_proof_of_work_the_form_works_with_half_the_rate(tmp_path: Path) -> None:
    async with running(tmp_path, OWN, form={"per_minute": 4}) as site:
        for proved in (True, False, True, False, True):
            token = await site.token("/forms/order")
            data = {"mail": "a@b.fr", "story": "x", "token": token}
            assert (
                await site.post(data | {"proof": solve(token, 8)} if proved else data, "/forms/order")
            ).status == 303
            site.clock.pass_(2)
        assert [bool(message.spam) for message in site.messages()] == [False, False, False, True, True]


@pytest.mark.parametrize("proof", ["", "x", "-1", "9" * 16, "\u0661", "0"])
def test_no_work_is_no_proof(proof: str) -> None:
    assert not challenge.solved("token", proof, 24)


async def test_the_page_with_proof_of_work_has_a_script_of_ours_and_works_without(tmp_path: Path) -> None:
    async with running(tmp_path, OWN) as site:
        text = await (await site.client.get("/forms/order")).text()
        page = Page(text)
        assert page.first("form")["data-bits"] == "8"
        assert "<noscript>" in text
        [script] = [found for tag, found in page.tags if tag == "script" and "pow" in (found["src"] or "")]
        assert script["src"]
        assert script["src"].startswith("/forms/pow.js?")
        assert "</script>" in text
        asset = await site.client.get(script["src"])
        assert asset.status == 200
        assert asset.content_type == "text/javascript"
        style = await site.client.get(page.first("link")["href"] or "")
        assert style.status == 200
        assert style.content_type == "text/css"


# --- size and time (B75, B86) -------------------------------------------------------------------------------------


async def test_a_body_of_200_mb_is_refused_before_it_is_sent(site: Site) -> None:
    head = "POST /forms/contact HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    answer = await raw_exchange(site, f"{head}Content-Length: 200000000\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert not site.accept.items


async def test_a_body_without_a_length_is_counted_while_it_streams(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="message"\r\n\r\nKeep me\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
        while sent < 50_000_000:
            sent += 65_536
            yield b"x" * 65_536

    async with running(tmp_path, http={"max_body_bytes": 200_000}) as site:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = b""
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            response = await site.post(endless(), headers=headers)
            answer = await response.read()
            assert response.status == 413
        assert b"Keep me" in answer
        assert not site.accept.items


async def test_too_many_files_or_parts_are_refused_and_the_text_kept(site: Site) -> None:
    for count, name in ((11, "files"), (60, "")):
        data = aiohttp.FormData(GOOD)
        for number in range(count):
            data.add_field(name or f"x{number}", b"x", filename="x.txt" if name else None, content_type="text/plain")
        response = await site.post(data)
        assert response.status == 413
        assert Page(await response.text()).values["subject"] == "Facture en double"
    assert not site.accept.items


async def test_one_endless_field_is_refused(site: Site) -> None:
    data = aiohttp.FormData({"message": "x" * 100_001, "subject": "y"})
    data.add_field("files", b"x", filename="x")
    assert (await site.post(data)).status == 413
    assert (await site.post({"message": "x" * 100_001})).status == 413
    assert (await site.json({"message": "x" * 100_001})).status == 413
    assert (await site.post("&".join(f"a{number}=1" for number in range(300)), headers=FORM)).status == 413
    assert not site.accept.items


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_too_much_at_once_is_put_off(tmp_path: Path) -> None:
    async with running(tmp_path, http={"max_body_bytes": 100_000}) as site:
        gate = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"message=" + b"x" * 90_000
            await gate.wait()

        waiting = [asyncio.create_task(site.post(slow(), headers=FORM)) for _ in range(14)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        refused = [task.result() for task in done]
        assert refused
        assert {response.status for response in refused} == {503}
        gate.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await site.post(GOOD)).status == 303


async def test_a_slow_body_is_closed_in_time(tmp_path: Path) -> None:
    async with running(tmp_path, http={"body_seconds": 0.2}) as site:
        head = (
            "POST /forms/contact HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        started = asyncio.get_running_loop().time()
        answer = await raw_exchange(site, head.encode())
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert asyncio.get_running_loop().time() - started < 2
        assert (await site.post(GOOD)).status == 303


async def raw_exchange(site: Site, data: bytes) -> bytes:
    """Send bytes, return all that comes until the server closes or has answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(data)
    answer = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            while chunk := await reader.read(65_536):
                answer += chunk
                if b" 413 " in answer:
                    break
    writer.close()
    return answer


# --- hostile bodies (B73, B74, B88) -------------------------------------------------------------------------------

HOSTILE_JSON = {
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "NaN": b'{"email": "a@b.fr", "message": NaN}',
    "infinity": b'{"message": -Infinity}',
    "depth": b'{"message": ' + b"[" * 400_000,
    "depth of objects": b'{"a":' * 100_000,
    "a name twice": b'{"email": "a@b.fr", "email": "c@d.fr", "message": "x"}',
    "a name twice below": b'{"x": {"a": 1, "a": 2}}',
    "bad UTF-8": b'{"message": "\xff\xfe"}',
    "UTF-16": '{"message": "x"}'.encode("utf-16"),
    "cut": b'{"message": "x',
    "a list": b"[1, 2]",
    "a number": b"1" * 5000,
    "nothing": b"",
    "bare": b"null",
}


@pytest.mark.parametrize("case", HOSTILE_JSON)
async def test_bad_json_is_refused_with_a_reason(site: Site, case: str) -> None:
    response = await site.post(HOSTILE_JSON[case], headers={"Content-Type": "application/json"})
    problem = await response.json(content_type="application/problem+json")
    assert response.status == problem["status"] == 400
    assert len(problem["detail"]) > 10
    assert not site.accept.items
    assert (await site.post(GOOD)).status == 303


async def test_five_megabytes_of_json_and_bombs_are_too_large(site: Site) -> None:
    big = json.dumps({"message": "x" * 5_000_000}).encode()
    headers = {"Content-Type": "application/json"}
    assert (await site.post(big, headers=headers)).status == 413
    bomb = gzip.compress(b"a" * 60_000_000)
    assert (await site.post(bomb, headers=headers | {"Content-Encoding": "gzip"})).status == 413
    multipart = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    assert (await site.post(gzip.compress(b"--b\r\n" + b"\r\n" * 30_000_000), headers=multipart)).status in {400, 413}
    assert (await site.post(b"not gzip", headers=headers | {"Content-Encoding": "gzip"})).status == 400


async def test_other_methods_and_content_types_are_refused(site: Site) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        response = await site.client.request(method, "/forms/contact")
        assert response.status == 405
        assert "POST" in response.headers["Allow"]
    for content_type in ("text/plain", "application/xml", "application/json-patch+json", "multipart/mixed; boundary=b"):
        assert (await site.post(b"{}", headers={"Content-Type": content_type})).status == 415
    assert (await site.client.head("/forms/contact")).status == 200


MULTIPART = b"".join(
    b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
    for name, value in GOOD.items()
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary",
        MULTIPART,  # cut before its end
        MULTIPART + b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\nhalf a fi',
        b"--b\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--b--\r\n",
        b"--b\r\n\r\nno headers\r\n--b--\r\n",
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 1000 + b"\r\nx\r\n--b--\r\n",
        b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nbroken header\r\n\r\nx\r\n--b--\r\n",
    ],
)
async def test_bad_multipart_is_refused(site: Site, body: bytes) -> None:
    response = await site.post(body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert response.status == 400
    assert not site.accept.items


async def test_mutated_posts_never_break_the_door(site: Site) -> None:
    random = Random(11)
    whole = (
        MULTIPART + b'--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n\x00\xff\r\n--b--\r\n'
    )
    bodies = {
        "multipart/form-data; boundary=b": whole,
        "application/json": json.dumps(GOOD).encode(),
        "application/x-www-form-urlencoded; charset=shift_jis": b"email=a%40b.fr&subject=%83%65&message=x",
    }
    statuses = set()
    for number in range(300):
        content_type = random.choice(list(bodies))
        body = bytearray(bodies[content_type])
        for _ in range(random.randrange(1, 6)):
            place = random.randrange(len(body))
            body[place : place + random.randrange(3)] = random.randbytes(random.randrange(4))
        response = await site.post(bytes(body), headers={"Content-Type": content_type})
        statuses.add(response.status)
        assert response.status < 500, (number, bytes(body))
    assert {303, 400, 422} & statuses
    for raw in site.accept.items.values():
        site.channel.normalise(raw)


JAPANESE = "請求書が二重に届きました"


@pytest.mark.parametrize(
    ("declared", "encoding", "text", "guessed"),
    [
        ("Shift_JIS", "cp932", JAPANESE, False),
        ("euc-jp", "euc_jp", JAPANESE, False),
        ("iso-8859-1", "cp1252", "Réclamation à 10 €", False),
        ("", "utf-8", "Réclamation à 10 €", False),
        ("", "cp1252", "Réclamation à 10 €", True),
        ("", "cp932", JAPANESE, True),
        ("utf-8", "cp1252", "Réclamation", True),
        ("rot13", "utf-8", "Réclamation", False),
        ("unicode_escape", "utf-8", "Réclamation \\x41", False),
        ("foo\x00bar", "utf-8", "Réclamation", False),
    ],
)
def test_fields_are_decoded_as_their_page_was_written(declared: str, encoding: str, text: str, guessed: bool) -> None:
    decoded, remark = charset.decode(text.encode(encoding), declared)
    assert decoded == text
    assert bool(remark) == guessed


async def test_a_shift_jis_page_posts_readable_text_in_every_way(site: Site) -> None:
    data = JAPANESE.encode("cp932")
    quoted = b"email=a%40b.jp&subject=x&message=" + "".join(f"%{byte:02x}" for byte in data).encode()
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    multipart = (
        b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\nShift_JIS\r\n'
        b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.jp\r\n'
        b'--b\r\nContent-Disposition: form-data; name="subject"\r\n\r\nx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="message"\r\n\r\n' + data + b"\r\n--b--\r\n"
    )
    for body, headers in (
        (quoted, {"Content-Type": "application/x-www-form-urlencoded; charset=Shift_JIS"}),
        (quoted + b"&_charset_=Shift_JIS", plain),
        (quoted, plain),
        (multipart, {"Content-Type": "multipart/form-data; boundary=b"}),
        (multipart.replace(b"_charset_", b"other"), {"Content-Type": "multipart/form-data; boundary=b"}),
    ):
        assert (await site.post(body, headers=headers)).status == 303
    assert [message.reply_text for message in site.messages()] == [JAPANESE] * 5
    assert [bool(message.remarks) for message in site.messages()] == [False, False, True, False, True]
