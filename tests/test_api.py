"""The API, through HTTP: reading and writing, keys, pages, refusals, and who sees what."""

from __future__ import annotations

import asyncio
import base64
import re
from itertools import pairwise

from gateway.api.routes import ROUTES
from models.api_token import SCOPES
from tests.api import Program, program
from tests.desk import Desk, letter
from tests.staff import hire

ORDER = {"subject": "Imprimante", "text": "Elle ne marche plus."}


async def taken(desk: Desk, asking: asyncio.Task) -> tuple:
    """The answer to a request whose ticket a worker makes meanwhile."""
    while not asking.done():
        await desk.settle()
        await asyncio.sleep(0.02)
    return await asking


async def post(desk: Desk, who: Program, path: str, body: object, **headers: str) -> tuple:
    return await taken(desk, asyncio.create_task(who("POST", path, body, **headers)))


async def mailed(desk: Desk, count: int = 1) -> list[int]:
    for number in range(count):
        await desk.send(letter(Message_ID=f"<{number}@example.com>", subject=f"Question {number}"))
        await desk.settle()
    return [line.number for line in await desk.tickets()]


async def test_a_ticket_is_read_with_what_was_said_and_its_history(desk: Desk) -> None:
    [number] = await mailed(desk)
    who = await program(desk)
    found = await who("GET", "/tickets?status=open&status=waiting")
    assert (found.status, [one["number"] for one in found.body["items"]]) == (200, [number])
    ticket = await who("GET", f"/tickets/{number}")
    assert ticket.body["perimeter"] == "OUT"
    assert ticket.body["answer_address"] == "claire@example.com"
    again = await who("GET", f"/tickets/{number}", If_None_Match=ticket.headers["ETag"])
    assert again.status == 304
    said = (await who("GET", f"/tickets/{number}/messages")).body["items"]
    assert said[0]["direction"] == "in"
    assert "facture" in said[0]["text"]
    assert (await who("GET", f"/messages/{said[0]['id']}")).body == said[0]
    events = (await who("GET", f"/tickets/{number}/events")).body["items"]
    assert events[0]["kind"] == "created"
    contact = ticket.body["contact"]["id"]
    assert (await who("GET", f"/contacts/{contact}")).body["identities"][0]["address"] == "claire@example.com"
    assert (await who("GET", "/contacts?address=claire@example.com")).body["items"][0]["id"] == contact
    assert (await who("GET", "/balance")).body["items"][0]["difference"] == 0


async def test_an_answer_reaches_the_customer_once(desk: Desk) -> None:
    [number] = await mailed(desk)
    who = await program(desk)
    content = base64.b64encode(b"%PDF-1.7").decode()
    body = {"text": "Bonjour, c’est corrigé.", "files": [{"filename": "../a.pdf", "content": content}]}
    first, second = await asyncio.gather(
        *(who("POST", f"/tickets/{number}/replies", body, Idempotency_Key="one") for _ in range(2))
    )
    assert first.status == second.status == 201
    assert first.body == second.body
    assert {first.headers.get("Idempotency-Replayed"), second.headers.get("Idempotency-Replayed")} == {None, "true"}
    assert first.body["files"][0]["filename"] == "a.pdf"
    await desk.dispatch()
    mails = [mail for mail in desk.outgoing() if b"c=E2=80=99est" in mail or b"JVBERi0xLjc=" in mail]
    assert len(mails) == 1
    file = await who("GET", f"/files/{first.body['files'][0]['id']}")
    assert (file.body, file.headers["Content-Type"]) == (b"%PDF-1.7", "application/octet-stream")
    assert file.headers["Content-Disposition"].startswith("attachment;")
    other = await who("POST", f"/tickets/{number}/replies", {"text": "Autre"}, Idempotency_Key="one")
    assert (other.status, other.body["code"]) == (422, "key_used")
    await desk.rows("UPDATE api_request SET created_at = now() - interval '25 hours' RETURNING 1")
    later = await who("POST", f"/tickets/{number}/replies", {"text": "Autre"}, Idempotency_Key="one")
    assert (later.status, later.body["text"]) == (201, "Autre"), "a key that was forgotten keeps nothing from going out"


async def test_a_note_stays_inside(desk: Desk) -> None:
    [number] = await mailed(desk)
    who = await program(desk)
    noted = await who("POST", f"/tickets/{number}/notes", {"text": "Client important"})
    assert (noted.status, noted.body["direction"], noted.body["sender"]) == (201, "note", f"program:{who.number}")
    assert await desk.rows("SELECT 1 FROM outbox WHERE kind = 'reply'") == []
    assert [row.kind for row in await desk.rows("SELECT kind FROM ticket_event ORDER BY id DESC LIMIT 1")] == ["noted"]


async def test_a_program_opens_a_ticket_of_its_own_once(desk: Desk) -> None:
    who = await program(desk)
    first = await post(desk, who, "/tickets", ORDER, Idempotency_Key='"k-1"')
    again = await who("POST", "/tickets", ORDER, Idempotency_Key='"k-1"')
    assert (first.status, first.body["state"]) == (201, "ticket")
    assert again.body == first.body
    ticket = (await who("GET", f"/tickets/{first.body['ticket']}")).body
    assert (ticket["perimeter"], ticket["channel"], ticket["subject"]) == ("IN", "internal", "Imprimante")
    events = (await who("GET", f"/tickets/{ticket['number']}/events")).body["items"]
    assert events[0]["actor"] == f"program:{who.number}"
    assert (await who("GET", f"/items/{first.body['item']}")).body == first.body
    stranger = await program(desk)
    assert (await stranger("GET", f"/items/{first.body['item']}")).status == 404
    refused = await who("POST", f"/tickets/{ticket['number']}/replies", {"text": "Bonjour"})
    assert (refused.status, refused.body["code"]) == (409, "no_way_out")
    [line] = [line for line in await desk.balance() if line.channel == "internal"]
    assert (line.received, line.ticket, line.difference) == (1, 1, 0)


async def test_a_ticket_on_behalf_of_a_customer_is_a_new_one_and_is_answered_there(desk: Desk) -> None:
    [number] = await mailed(desk)
    ada = (await hire(desk)).ids["ada"]
    who = await program(desk, agent=ada)
    customer = {"channel": "email", "address": "claire@example.com", "account": "support@example.org", "name": "Claire"}
    body = {"subject": "Re: Question 0", "text": "Elle a appelé.", "customer": customer, "priority": "high"}
    made = await post(desk, who, "/tickets", body)
    assert made.body["state"] == "ticket"
    assert made.body["ticket"] != number
    ticket = (await who("GET", f"/tickets/{made.body['ticket']}")).body
    assert (ticket["perimeter"], ticket["priority"], ticket["answer_address"]) == ("IN", "high", "claire@example.com")
    assert ticket["contact"] == (await who("GET", f"/tickets/{number}")).body["contact"]
    assert await desk.rows("SELECT 1 FROM outbox WHERE ticket_id = :t", t=ticket["number"]) == [], "nothing is sent"
    answered = await who("POST", f"/tickets/{ticket['number']}/replies", {"text": "C’est réparé."})
    assert (answered.status, answered.body["sender"], answered.body["sender_name"]) == (
        201, f"agent:{ada}", "Ada Moreau",
    )  # fmt: skip


async def test_a_call_is_logged_once_and_what_is_no_number_is_refused(desk: Desk) -> None:
    who = await program(desk)
    note = {"number": "01 99 00 12 34", "text": "Elle demande un devis.", "minutes": 4}
    first = await post(desk, who, "/calls", note, Idempotency_Key="call-1")
    again = await who("POST", "/calls", note, Idempotency_Key="call-1")
    assert first.body == again.body
    assert (await who("GET", f"/tickets/{first.body['ticket']}")).body["channel"] == "phone"
    wrong = await who("POST", "/calls", {"number": "call me", "text": "x"})
    assert (wrong.status, wrong.body["errors"][0]["pointer"]) == (422, "/number")


async def test_while_the_workers_are_away_the_answer_is_that_it_is_stored(desk: Desk, settings: object) -> None:
    desk.settings.api.wait_seconds = 0.05
    who = await program(desk)
    stored = await who("POST", "/tickets", ORDER, Idempotency_Key="later")
    assert (stored.status, stored.body["state"], stored.body["ticket"]) == (202, "pending", None)
    await desk.settle()
    again = await who("POST", "/tickets", ORDER, Idempotency_Key="later")
    assert (again.status, again.body["item"], again.body["state"]) == (201, stored.body["item"], "ticket")
    assert stored.headers["Location"] == f"/api/v1/items/{stored.body['item']}"


async def test_pages_hold_everything_once_whatever_comes_meanwhile(desk: Desk) -> None:
    numbers = await mailed(desk, 7)
    who = await program(desk)
    seen: list[int] = []
    cursor = ""
    while True:
        page = (await who("GET", f"/tickets?limit=3{cursor and '&cursor=' + cursor}")).body
        seen += [one["number"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
        await desk.send(letter(Message_ID=f"<late{cursor}@example.com>", subject=f"Tard {cursor}"))
        await desk.settle()
    assert seen == numbers[::-1]
    oldest = (await who("GET", "/tickets?order=oldest&limit=200")).body["items"]
    assert [one["number"] for one in oldest][:7] == numbers


WRONG: list[tuple[str, object, int]] = [
    ("/tickets/1/replies", {"text": "x", "bcc": "thief@example.com"}, 422),
    ("/tickets/1/replies", {"text": "x", "to": "thief@example.com"}, 422),
    ("/tickets/1/replies", {"text": ""}, 422),
    ("/tickets/1/replies", {"text": "a\0b"}, 422),
    ("/tickets/1/replies", {"text": 7}, 422),
    ("/tickets/1/replies", {"text": "x", "files": [{"filename": "a", "content": "***"}]}, 422),
    ("/tickets/1/replies", [], 422),
    ("/tickets", {**ORDER, "status": "closed"}, 422),
    ("/tickets", {**ORDER, "author": "agent:1"}, 422),
    ("/tickets", {**ORDER, "customer": {"channel": "pigeon", "address": "a", "account": "b"}}, 422),
    ("/webhooks", {"url": "https://[::1]/x", "events": ["ticket.created"]}, 422),
    ("/webhooks", {"url": "http://example.com/x", "events": ["ticket.created"]}, 422),
    ("/webhooks", {"url": "https://u:p@example.com/x", "events": ["ticket.created"]}, 422),
    ("/webhooks", {"url": "https://example.com/x", "events": ["ticket.created"], "nonce": "0"}, 422),
    ("/tickets/999/replies", {"text": "x"}, 404),
    ("/nothing", {}, 404),
]


async def test_what_is_wrong_is_refused_with_a_problem(desk: Desk) -> None:
    await mailed(desk)
    who = await program(desk)
    for path, body, status in WRONG:
        said = await who("POST", path, body)
        assert (said.status, said.headers["Content-Type"]) == (status, "application/problem+json; charset=utf-8"), path
        assert said.body["status"] == status
        assert "thief" not in str(said.body)
    assert await desk.rows("SELECT 1 FROM outbox WHERE kind = 'reply'") == []


async def test_a_body_that_is_no_json_a_wrong_type_and_a_wrong_method(desk: Desk) -> None:
    who = await program(desk)
    url, bearer = f"{desk.url}/api/v1/tickets", {"Authorization": f"Bearer {who.token}"}
    json = {**bearer, "Content-Type": "application/json"}
    for sent, headers, status in ((b"{", json, 400), (b"[" * 9999, json, 400), (b"{}", bearer, 415)):
        async with desk.http.post(url, data=sent, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
    async with desk.http.delete(url, headers=bearer) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


# --- changing -----------------------------------------------------------------------------------------------------


async def test_a_ticket_is_changed_by_whoever_saw_its_present_state(desk: Desk) -> None:
    [number] = await mailed(desk)
    who, place = await program(desk), f"/tickets/{number}"
    seen = (await who("GET", place)).headers["ETag"]
    first = await who("PATCH", place, {"priority": "urgent", "tags_added": ["vip"]}, If_Match=seen)
    assert first.status == 200
    assert {one["field"] for one in first.body["changes"]} == {"priority", "tags"}
    late = await who("PATCH", place, {"priority": "low"}, If_Match=seen)
    assert late.status == 412
    assert late.headers["ETag"] == (await who("GET", place)).headers["ETag"]
    stale = await who("PATCH", place, {"priority": "low", "expected": {"priority": "normal"}})
    assert (stale.status, stale.body["code"]) == (409, "conflict")
    fresh = await who("PATCH", place, {"priority": "low", "expected": {"priority": "urgent", "assignee": None}})
    assert fresh.body["changes"] == [{"field": "priority", "old": "urgent", "new": "low"}]
    events = (await who("GET", f"{place}/events?order=newest")).body["items"]
    assert (events[0]["actor"], events[0]["kind"], events[0]["new"]) == (f"program:{who.number}", "priority", "low")
    for wrong in ({}, {"status": None}, {"answer": "email:thief@example.com"}, {"priority": "asap"}, {"level": 9}):
        assert (await who("PATCH", place, wrong)).status == 422
    assert (await who("PATCH", place, {"team": "nobody-knows-it"})).status == 409


async def test_tickets_are_merged_split_tied_and_put_off_and_all_of_it_is_taken_back(desk: Desk) -> None:
    one, two = await mailed(desk, 2)
    who = await program(desk)
    until = "2027-01-04T09:00:00+01:00"
    steps = (
        ("merge", {"into": one}), ("unmerge", {}), ("link", {"other": one}), ("unlink", {"other": one}),
        ("snooze", {"until": until}), ("snooze", {"until": None}),
    )  # fmt: skip
    for path, body in steps:
        said = await who("POST", f"/tickets/{two}/{path}", body)
        assert (said.status, bool(said.body.get("changes"))) == (200, True), (path, said.body)
    noted = await who("POST", f"/tickets/{one}/notes", {"text": "à part"})
    apart = await who("POST", f"/tickets/{one}/split", {"messages": [noted.body["id"]]})
    assert apart.status in (200, 409)
    assert (await who("POST", f"/tickets/{one}/unsplit", {})).status == 409


async def test_two_clients_at_once_lose_no_change(desk: Desk) -> None:
    """200 races of two: whoever saw an older value is refused, and the history is one unbroken chain."""
    [number] = await mailed(desk)
    place = f"/tickets/{number}"
    clients = [await program(desk), await program(desk)]

    async def turn(who: Program, level: int, seen: int) -> int:
        said = await who("PATCH", place, {"level": level, "expected": {"level": seen}})
        assert said.status in (200, 409)
        return said.status

    level, wins = 1, 0
    for _ in range(200):
        higher = level % 3 + 1
        both = await asyncio.gather(*(turn(who, higher, level) for who in clients))
        assert sorted(both) == [200, 409]
        level, wins = higher, wins + 1
    chain = await desk.rows("SELECT old, new FROM ticket_event WHERE kind = 'level' ORDER BY id")
    assert len(chain) == wins
    assert all(before.new == after.old for before, after in pairwise(chain))


# --- who may ------------------------------------------------------------------------------------------------------


async def test_whatever_is_wrong_with_a_token_it_opens_nothing(desk: Desk) -> None:
    who = await program(desk)
    lame = {
        "no token": {},
        "no scheme": {"Authorization": who.token},
        "basic": {"Authorization": f"Basic {who.token}"},
        "altered": {"Authorization": f"Bearer {who.token[:-1]}"},
        "empty": {"Authorization": "Bearer "},
    }
    for headers in lame.values():
        async with desk.http.get(f"{desk.url}/api/v1/tickets", headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await who("GET", "/tickets")).status == 200
    await desk.rows("UPDATE api_token SET revoked_at = now() RETURNING 1")
    assert (await who("GET", "/tickets")).status == 401
    await desk.rows("UPDATE api_token SET revoked_at = NULL, expires_at = now() RETURNING 1")
    assert (await who("GET", "/tickets")).status == 401


async def test_a_token_of_a_disabled_agent_opens_nothing(desk: Desk) -> None:
    who = await program(desk, agent=(await hire(desk)).ids["marie"])
    assert (await who("GET", "/tickets")).status == 200
    await desk.rows("UPDATE agent SET disabled_at = now() RETURNING 1")
    assert (await who("GET", "/tickets")).status == 401


async def test_only_the_hash_of_a_token_is_stored(desk: Desk) -> None:
    who = await program(desk)
    [row] = await desk.rows("SELECT cast(api_token AS text) AS all FROM api_token")
    assert who.token not in row.all
    assert who.token.removeprefix("guichet_") not in row.all


async def test_every_route_needs_its_scope_and_its_right(desk: Desk) -> None:
    alone = {scope: await program(desk, scope) for scope in SCOPES}
    without = {scope: await program(desk, *(one for one in SCOPES if one != scope)) for scope in SCOPES}
    agents = {scope: await program(desk, scope, role="agent") for scope in SCOPES}
    for route in ROUTES:
        path, body = re.sub(r"\{\w+\}", "1", route.path), {} if route.body else None
        name = f"{route.method} {route.path}"
        assert (await without[route.scope](route.method, path, body)).status == 403, name
        assert (await alone[route.scope](route.method, path, body)).status in (200, 201, 404, 409, 422), name
        forbidden = (await agents[route.scope](route.method, path, body)).status == 403
        assert forbidden == (route.permission in ("operations", "administration")), name


async def test_tickets_of_other_teams_are_as_if_they_were_not(desk: Desk) -> None:
    secret, shared = await mailed(desk, 2)
    await desk.rows("UPDATE ticket SET team = 'billing' WHERE id = :n RETURNING 1", n=secret)
    boss = await program(desk)
    [message] = [one["id"] for one in (await boss("GET", f"/tickets/{secret}/messages")).body["items"]][:1]
    [file] = await desk.rows(
        "INSERT INTO attachment (message_id, filename, content, size, inline)"
        " VALUES (:m, 'x', 'x', 1, false) RETURNING id",
        m=message,
    )
    member = await program(desk, role="agent", teams=("billing",))
    stranger = await program(desk, role="agent", teams=("technical",))
    places = (
        f"/tickets/{secret}", f"/tickets/{secret}/messages", f"/tickets/{secret}/events", f"/messages/{message}",
        f"/files/{file.id}",
    )  # fmt: skip
    for place in places:
        assert (await member("GET", place)).status == 200
        hidden, missing = await stranger("GET", place), await stranger("GET", "/tickets/999999")
        assert (hidden.status, hidden.body) == (404, missing.body)
    for path in (f"/tickets/{secret}/replies", f"/tickets/{secret}/notes"):
        assert (await stranger("POST", path, {"text": "x"})).status == 404
    assert [one["number"] for one in (await stranger("GET", "/tickets")).body["items"]] == [shared]
    assert {one["ticket"] for one in (await stranger("GET", "/events")).body["items"]} == {shared}


async def test_a_program_is_not_taken_for_the_agent_of_its_number(desk: Desk) -> None:
    [number] = await mailed(desk)
    who = await program(desk, role="agent")
    await hire(desk)
    await desk.rows("UPDATE ticket SET team = 'x', assignee_id = :a WHERE id = :n RETURNING 1", a=who.number, n=number)
    assert (await who("GET", f"/tickets/{number}")).status == 404


async def test_who_is_signed_in_reads_and_changes_nothing(desk: Desk) -> None:
    [number] = await mailed(desk)
    crew = await hire(desk)
    async with await crew.http("marie") as http:
        async with http.get(f"{desk.url}/api/v1/tickets/{number}") as answer:
            assert answer.status == 200
        async with http.get(f"{desk.url}/api/v1/balance") as answer:
            assert answer.status == 403
        async with http.post(f"{desk.url}/api/v1/tickets/{number}/notes", json={"text": "x"}) as answer:
            assert answer.status == 401


async def test_a_token_in_a_hurry_is_told_to_wait(desk: Desk) -> None:
    hasty, calm = await program(desk), await program(desk)
    answers = [await hasty("GET", "/teams") for _ in range(3)]
    assert answers[0].headers["RateLimit-Policy"] == '"token";q=600;w=60'
    assert answers[2].headers["RateLimit"].startswith('"token";r=59')
    door = next(one for one in desk.runner.app.router.routes() if one.resource.canonical == "/api/v1/teams").handler
    pace = next(cell.cell_contents for cell in door.__closure__ if hasattr(cell.cell_contents, "_pace"))._pace
    pace.take(f"token:{hasty.number}", asyncio.get_running_loop().time(), 590)
    while (late := await hasty("GET", "/teams")).status == 200:
        pass
    assert late.status == 429
    assert int(late.headers["Retry-After"]) >= 1
    assert (await calm("GET", "/teams")).status == 200
