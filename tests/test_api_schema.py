"""What the API says of itself (OpenAPI 3.1) and what it does: no server error, none that breaks it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api import PREFIX
from gateway.api.openapi import document
from gateway.api.routes import ROUTES
from models.api_token import SCOPES
from tests.api import program
from tests.desk import Desk, letter

CASES_OF_ONE = 6
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def test_every_route_is_described_with_its_scope() -> None:
    described = document(ROUTES, PREFIX)
    ids = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)
    for route in ROUTES:
        operation = described["paths"][PREFIX + route.path][route.method.lower()]
        assert route.scope in SCOPES
        assert f"`{route.scope}`" in operation["description"]


async def test_the_description_is_served_to_everybody(desk: Desk) -> None:
    async with desk.http.get(f"{desk.url}{PREFIX}/openapi.json") as answer:
        assert (answer.status, (await answer.json())["openapi"]) == (200, "3.1.0")


@pytest.fixture
async def busy(desk: Desk) -> AsyncIterator[Desk]:
    """A desk with two tickets, whose worker is at work."""
    desk.settings.api.wait_seconds = 0.3
    desk.settings.api.requests_per_minute = 1_000_000
    for number in (1, 2):
        await desk.send(letter(Message_ID=f"<{number}@example.com>", subject=f"Question {number}"))
        await desk.settle()

    async def work() -> None:
        while True:
            await desk.settle()
            await asyncio.sleep(0.05)

    task = asyncio.create_task(work())
    yield desk
    task.cancel()


@pytest.mark.timeout(90)
async def test_some_hundred_requests_meet_the_description(busy: Desk) -> None:
    who = await program(busy)
    schema = schemathesis.openapi.from_dict(document(ROUTES, PREFIX))
    schema.config.update(base_url=busy.url)
    headers = {"Authorization": f"Bearer {who.token}"}

    def probe() -> Counter[int]:
        answers: Counter[int] = Counter()
        for result in schema.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=CASES_OF_ONE,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
            @given(
                st.one_of(
                    operation.as_strategy(),
                    operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
                )
            )
            def meet(case: schemathesis.Case) -> None:
                response = case.call(headers=headers)
                answers[response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

            meet()
        return answers

    answers = await asyncio.to_thread(probe)
    assert answers.total() > 150
    assert answers[200] > 20, "what is right is taken"
    assert answers[201] > 2, "what is right is made"
    assert answers[422] > 20, "what is wrong is refused"
