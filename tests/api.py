"""Programs that use the API of a desk: tokens, and requests with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from models import api_token
from tests.desk import Desk


class Said(NamedTuple):
    """An answer."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Program:
    """Somebody with a token."""

    def __init__(self, desk: Desk, token: str, number: int) -> None:
        self.desk, self.token, self.number = desk, token, number

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Said:
        """Ask; `_` in a header's name stands for `-`."""
        sent = {"Authorization": f"Bearer {self.token}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        url = f"{self.desk.url}/api/v1{path}"
        async with self.desk.http.request(method, url, json=body, headers=sent) as answer:
            told = await answer.json() if "json" in answer.content_type else await answer.read()
            return Said(answer.status, told, answer.headers)


async def program(
    desk: Desk, *scopes: str, role: str = "administrator", teams: tuple[str, ...] = (), agent: int | None = None
) -> Program:
    """A program with those scopes, by default all; with `agent`, in an agent's place."""
    async with desk.database.engine.begin() as connection:
        number, token = await api_token.add(
            connection,
            name="Shop",
            scopes=scopes or list(api_token.SCOPES),
            agent_id=agent,
            role="" if agent else role,
            teams=teams,
        )
    return Program(desk, token, number)
