"""The console over HTTP: an answer reaches its customer once, what is stale is said, other teams see nothing."""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from config.hints import Hint
from tests.desk import Desk, letter
from tests.staff import Crew, hire


@pytest.fixture
async def crew(desk: Desk) -> Crew:
    """Agents, and a mail with a file that lies with the team billing."""
    hired = await hire(desk)
    mail: EmailMessage = letter("Bonjour,\n\nma facture est fausse.\n", subject="Facture fausse")
    mail.add_alternative("<p>ma <b>facture</b><script>alert(1)</script></p>", subtype="html")
    mail.add_attachment(b"<svg onload=alert(1)>", maintype="image", subtype="svg+xml", filename="photo.svg")
    await desk.send(mail)
    await desk.settle()
    await desk.rows("UPDATE ticket SET team = 'billing' WHERE id = 1 RETURNING 1")
    return hired


@pytest.fixture
async def marie(crew: Crew) -> AsyncIterator[ClientSession]:
    http = await crew.http("marie")
    yield http
    await http.close()


@pytest.fixture
async def sonia(crew: Crew) -> AsyncIterator[ClientSession]:
    http = await crew.http("sonia")
    yield http
    await http.close()


async def shown(desk: Desk, http: ClientSession, path: str = "/console/1") -> str:
    async with http.get(desk.url + path) as answer:
        assert answer.status == 200, path
        return await answer.text()


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


async def post(desk: Desk, http: ClientSession, act: str, number: int = 1, **fields: str) -> tuple[int, str]:
    url = f"{desk.url}/console/{number}/{act}"
    async with http.post(url, data=fields, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "") or await answer.text()


async def said(desk: Desk, direction: str = "out") -> list[str]:
    rows = await desk.rows(
        "SELECT text FROM message WHERE direction = :way AND sender LIKE 'agent:%' ORDER BY id", way=direction
    )
    return [row.text for row in rows]


async def test_an_answer_reaches_the_customer_on_their_channel_with_its_files(
    desk: Desk, crew: Crew, marie: ClientSession
) -> None:
    page = hidden(await shown(desk, marie))
    form = FormData({"kind": "reply", "text": "Bonjour,\r\nvoici la bonne.", "then": "", **page})
    form.add_field("files", b"%PDF-1.4", filename="facture.pdf", content_type="application/pdf")
    async with marie.post(f"{desk.url}/console/1/reply", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/console/1?notice=sent")
    await desk.dispatch()
    sent = [email.message_from_bytes(raw) for raw in desk.outgoing()]
    [mail] = [one for one in sent if not one["Auto-Submitted"]]
    assert mail["To"] == "claire@example.com"
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert b"voici la bonne." in parts["text/plain"].get_payload(decode=True)  # type: ignore[operator]
    assert parts["application/pdf"].get_filename() == "facture.pdf"
    whole = await desk.ticket(1)
    assert whole.ticket.status == "waiting"
    assert whole.messages[-1].sender == f"agent:{crew.ids['marie']}"
    assert "on its way" in await shown(desk, marie, "/console/1?notice=sent&lang=en")


async def test_a_double_click_is_one_reply(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    page = hidden(await shown(desk, marie))
    answers = await asyncio.gather(
        *(post(desk, marie, "reply", kind="reply", text="Une fois.", **page) for _ in range(5))
    )
    assert set(answers) == {(303, "/console/1?notice=sent")}
    assert await post(desk, marie, "reply", kind="reply", text="Une fois.", **page) == (303, "/console/1?notice=sent")
    assert await said(desk) == ["Une fois."]
    assert (await desk.rows("SELECT count(*) FROM outbox WHERE kind = 'reply'"))[0][0] == 1


async def test_other_words_from_the_same_page_and_posts_without_a_key_are_answers_of_their_own(
    desk: Desk, crew: Crew, marie: ClientSession
) -> None:
    page = hidden(await shown(desk, marie))
    await post(desk, marie, "reply", kind="reply", text="Un.", **page)
    newest = (await desk.rows("SELECT max(id) FROM message"))[0][0]
    await post(desk, marie, "reply", kind="reply", text="Deux.", **page | {"latest": str(newest)})
    for words in ("Trois.", "Quatre."):
        await post(desk, marie, "reply", kind="reply", text=words)
    assert await said(desk) == ["Un.", "Deux.", "Trois.", "Quatre."]


async def test_an_answer_written_on_an_old_page_is_given_back_unsent(
    desk: Desk, crew: Crew, marie: ClientSession, sonia: ClientSession
) -> None:
    old = hidden(await shown(desk, marie))
    await post(desk, sonia, "reply", kind="reply", text="De Sonia.", **hidden(await shown(desk, sonia)))
    status, page = await post(desk, marie, "reply", kind="reply", text="De <Marie>.", **old)
    assert status == 409
    assert "De &lt;Marie&gt;.</textarea>" in page
    assert await said(desk) == ["De Sonia."]
    status, _ = await post(desk, marie, "reply", kind="reply", text="De <Marie>.", **hidden(page))
    assert status == 303
    assert await said(desk) == ["De Sonia.", "De <Marie>."]


async def test_of_two_answers_at_once_one_goes_and_one_comes_back(
    desk: Desk, crew: Crew, marie: ClientSession, sonia: ClientSession
) -> None:
    pages = [hidden(await shown(desk, http)) for http in (marie, sonia)]
    pairs = list(zip((marie, sonia), pages, strict=True))
    ends = await asyncio.gather(*(post(desk, http, "reply", kind="reply", text="Moi.", **page) for http, page in pairs))
    assert sorted(status for status, _ in ends) == [303, 409]
    assert await said(desk) == ["Moi."]


async def test_a_note_stays_here_and_tells_who_is_mentioned(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    page = hidden(await shown(desk, marie))
    status, _ = await post(desk, marie, "reply", kind="note", text="@sonia regarde <b>ceci</b>", **page)
    assert status == 303
    assert (await said(desk, "note"), await said(desk)) == (["@sonia regarde <b>ceci</b>"], [])
    assert (await desk.rows("SELECT count(*) FROM outbox WHERE kind = 'reply'"))[0][0] == 0
    assert [row.agent_id for row in await desk.rows("SELECT agent_id FROM mention")] == [crew.ids["sonia"]]
    assert "regarde &lt;b&gt;ceci&lt;/b&gt;" in await shown(desk, marie)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"kind": "reply", "text": " \n "}, 422), ({"kind": "reply", "text": "x" * 60_000}, 413), ({}, 422)],
)
async def test_what_cannot_be_sent_is_said(
    desk: Desk, crew: Crew, marie: ClientSession, fields: dict[str, str], status: int
) -> None:
    assert (await post(desk, marie, "reply", **fields))[0] == status
    assert await said(desk) == []


async def test_fields_change_where_the_page_showed_what_stands_there(
    desk: Desk, crew: Crew, marie: ClientSession, sonia: ClientSession
) -> None:
    page = hidden(await shown(desk, marie))
    changed = {"priority": "urgent", "tags": "vip, mars ,vip", "assignee": str(crew.ids["marie"])}
    assert await post(desk, marie, "change", **page, **changed) == (303, "/console/1?notice=changed")
    row = (await desk.rows("SELECT priority, tags, assignee_id, category FROM ticket"))[0]
    assert (row.priority, row.tags, row.assignee_id) == ("urgent", ["mars", "vip"], crew.ids["marie"])
    status, again = await post(desk, sonia, "change", **page, priority="low", category="complaint")
    assert status == 409
    assert "Urgente" in again or "Urgent" in again
    assert (await desk.rows("SELECT priority, category FROM ticket"))[0] == ("urgent", row.category), (
        "nothing half-done"
    )
    events = await desk.rows("SELECT kind, actor FROM ticket_event WHERE actor LIKE 'agent:%' ORDER BY kind")
    assert [tuple(event) for event in events] == [
        (kind, f"agent:{crew.ids['marie']}") for kind in ("assignee", "priority", "tags")
    ]


async def test_a_form_changes_the_named_fields_alone(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    more = {"answer": "email:evil@example.com", "was_answer": "", "contact": "9", "was_contact": "", "id": "7"}
    await post(desk, marie, "change", answer_address="evil@example.com", was_answer_address="", bcc="x", **more)
    assert (await desk.rows("SELECT answer_address FROM ticket"))[0][0] == "claire@example.com"


async def test_many_tickets_are_changed_at_once_and_those_of_others_are_not(
    desk: Desk, crew: Crew, marie: ClientSession
) -> None:
    for place in range(3):
        await desk.send(letter("Bonjour", sender=f"c{place}@example.com", subject=f"Autre {place}"), sender="c@x.org")
    await desk.settle()
    await desk.rows("UPDATE ticket SET team = 'technical' WHERE id = 4 RETURNING 1")
    form = {"t1": "on", "t2": "on", "t4": "on", "priority": "high", "tag": "lot", "query": "team=billing&evil=1"}
    async with marie.post(f"{desk.url}/console/bulk", data=form, allow_redirects=False) as answer:
        location = answer.headers["Location"]
    assert (answer.status, location) == (303, "/console?team=billing&notice=bulk&changed=2&refused=4")
    rows = await desk.rows("SELECT id FROM ticket WHERE priority = 'high' AND 'lot' = ANY(tags) ORDER BY id")
    assert [row.id for row in rows] == [1, 2]
    assert "#4" in await shown(desk, marie, location)


async def test_files_are_saved_and_never_shown(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    file = (await desk.rows("SELECT id FROM attachment"))[0][0]
    message = (await desk.rows("SELECT id FROM message WHERE direction = 'in'"))[0][0]
    for path in (f"files/{file}", f"messages/{message}/raw"):
        async with marie.get(f"{desk.url}/console/1/{path}") as answer:
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with marie.get(f"{desk.url}/console/1/messages/{message}/html") as answer:
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "script" not in await answer.text()
    async with marie.get(f"{desk.url}/console/1/messages/{message}/text") as answer:
        assert answer.content_type == "text/plain"
        assert "ma facture est fausse." in await answer.text()


async def test_an_unknown_number_and_another_teams_look_alike_on_every_route(
    desk: Desk, crew: Crew, marie: ClientSession
) -> None:
    """Generated from the router: a route that is added is asked too."""
    await desk.rows("UPDATE ticket SET conversation = 'chat:x' WHERE id = 1 RETURNING 1")
    paul = await crew.http("paul")
    ids = {
        "files": str((await desk.rows("SELECT id FROM attachment"))[0][0]),
        "messages": str((await desk.rows("SELECT min(id) FROM message"))[0][0]),
    }
    asked = 0
    fields = {"kind": "reply", "text": "x", "other": "1", "until": "2099-01-01T10:00", "m1": "on", "m2": "on"}
    before = await desk.rows("SELECT count(*), sum(id) FROM ticket_event")
    for route in desk.runner.app.router.routes():  # type: ignore[union-attr]
        path = route.resource.canonical if route.resource else ""
        if not path.startswith("/console/{number}") or route.method not in ("GET", "POST"):
            continue
        act = path.rpartition("/")[2]
        place = path.replace("{id}", ids.get(path.split("/")[3] if "{id}" in path else "", ""))
        answers = []
        for number in ("1", "4711"):
            url = desk.url + place.replace("{number}", number)
            data = {**fields, **({"was_assignee": ""} if act == "take" else {})} if route.method == "POST" else None
            async with paul.request(route.method, url, data=data, allow_redirects=False) as answer:
                answers.append((answer.status, (await answer.text()).replace("4711", "1")))
        assert answers[0] == answers[1], place
        assert answers[0][0] == 404, place
        asked += 1
    assert asked > 15
    assert await desk.rows("SELECT count(*), sum(id) FROM ticket_event") == before
    assert await said(desk) == []
    for path in (
        "/console",
        "/console?text=facture",
        "/console?status=all",
        "/console?text=%231",
        "/console?contact=1",
    ):
        assert "/console/1" not in await shown(desk, paul, path)
    assert "Facture fausse" in await shown(desk, marie)
    await paul.close()


async def test_a_foreign_site_cannot_post(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        async with marie.post(
            f"{desk.url}/console/1/reply", data={"kind": "reply", "text": "x"}, headers=headers, allow_redirects=False
        ) as answer:
            assert answer.status == 403
    assert await said(desk) == []


async def test_nobody_sees_the_console_without_signing_in(desk: Desk, crew: Crew) -> None:
    http = await crew.http()
    for path in ("/console", "/console/1", "/console/live", "/console/1/live", "/console/texts"):
        async with http.get(desk.url + path, allow_redirects=False) as answer:
            assert answer.status in (303, 401), path
    await http.close()


async def test_agents_use_canned_texts_and_supervisors_write_them(
    desk: Desk, crew: Crew, marie: ClientSession, sonia: ClientSession
) -> None:
    form = {"name": "Excuses", "language": "fr", "team": "", "content": "Bonjour {customer}, {agent}"}
    for http in (marie, sonia):
        async with http.post(f"{desk.url}/console/texts", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        assert (await desk.rows("SELECT count(*) FROM canned_text"))[0][0] == (http is sonia)
    assert "Bonjour Claire Martin, Marie Dupont" in await shown(desk, marie)


async def event(stream: Any, kind: str, seconds: float = 5) -> str:
    """The data of the stream's next event of that kind."""
    async with asyncio.timeout(seconds):
        while True:
            line = (await stream.content.readline()).decode().strip()
            if line == f"event: {kind}":
                return (await stream.content.readline()).decode().strip().removeprefix("data:").strip()


async def test_streams_tell_what_is_new_to_those_who_may_know(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    paul = await crew.http("paul")
    async with marie.get(f"{desk.url}/console/live") as hers, paul.get(f"{desk.url}/console/live") as his:
        await desk.send(letter("Et encore.", subject="Re: Facture fausse", In_Reply_To="<x@y>", References="<x@y>"))
        await desk.settle()
        await desk.rows("UPDATE ticket SET team = 'billing' RETURNING 1")
        desk.hints.send([Hint("ticket:1")])
        await event(hers, "changed")
        with pytest.raises(TimeoutError):
            await event(his, "changed", 1.5)
    await paul.close()


async def test_colleagues_see_who_looks_and_who_writes(
    desk: Desk, crew: Crew, marie: ClientSession, sonia: ClientSession
) -> None:
    async with marie.get(f"{desk.url}/console/1/live") as hers:
        assert await event(hers, "here") == "[]"
        async with sonia.get(f"{desk.url}/console/1/live") as other:
            assert await event(hers, "here") == '[{"name":"Sonia Bernard","doing":"looking"}]'
            async with sonia.post(f"{desk.url}/console/1/sign") as answer:
                assert answer.status == 204
            assert await event(hers, "here") == '[{"name":"Sonia Bernard","doing":"writing"}]'
            assert '"Marie Dupont"' in await event(other, "here")
            async with sonia.post(f"{desk.url}/console/1/sign?kind=left") as answer:
                assert answer.status == 204
        assert await event(hers, "here") == "[]"


async def test_a_stream_ends_with_the_right_to_it(desk: Desk, crew: Crew, marie: ClientSession) -> None:
    async with marie.get(f"{desk.url}/console/1/live") as hers:
        await event(hers, "here")
        await desk.rows("UPDATE ticket SET team = 'technical' RETURNING 1")
        desk.hints.send([Hint("ticket:1")])
        async with asyncio.timeout(5):
            rest = await hers.content.read()
        assert b"changed" not in rest
