"""Both providers in the campaign: they tell of lines five times at once, and of each message of ours what became of it.

What nobody answered yes is told again, as providers do. Each message that they take is followed by its statuses, in
any order and twice.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.fakes import meta, twilio

PUBLIC = "https://desk.example.org"
COPIES = 5
SETTINGS = {
    "GUICHET_PUBLIC_URL": PUBLIC,
    "GUICHET_META__APP_SECRET": meta.SECRET,
    "GUICHET_META__VERIFY_TOKEN": meta.VERIFY,
    "GUICHET_META__ACCESS_TOKEN": meta.TOKEN,
    "GUICHET_TWILIO__ACCOUNT_SID": twilio.ACCOUNT,
    "GUICHET_TWILIO__AUTH_TOKEN": twilio.TOKEN,
    "GUICHET_TWILIO__RECONCILE_SECONDS": "0",
    "GUICHET_TWILIO__SMS_PER_SECOND": "1000",
    "GUICHET_CONVERSATION__QUIET_SECONDS": "0.5",
}

Request = tuple[str, bytes, dict[str, str]]
"""Path, body and headers."""


class Providers:
    """Meta and Twilio, and their way to the gateway."""

    def __init__(self, faults: Path, kill_workers: Any) -> None:
        self.graph, self.carrier = meta.Meta(), twilio.Twilio()
        self.faults = faults
        self.kill_workers = kill_workers
        self.told = 0
        self.base = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a Guichet that knows them."""
        return {**SETTINGS, "GUICHET_META__API_URL": self.graph.url, "GUICHET_TWILIO__API_URL": self.carrier.url}

    async def __aenter__(self) -> Providers:
        for fake in (self.graph, self.carrier):
            fake.struck = self._struck
            await fake.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        for fake in (self.graph, self.carrier):
            await fake.__aexit__(*error)

    def open(self, http_port: int, chance: random.Random) -> None:
        """Tell of what they take, from now on."""
        self.base, self.chance = f"http://127.0.0.1:{http_port}", chance
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))

    def _struck(self, sent: dict[str, Any]) -> None:
        """A message was taken: perhaps a worker dies now, and in any case there are statuses to tell of (X12)."""
        if (self.faults / "X12").exists():
            (self.faults / "X12").unlink()
            self.kill_workers()
        task = asyncio.create_task(self._tell(sent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, sent: dict[str, Any]) -> None:
        statuses = [status for status in ("sent", "delivered", "read") for _copy in range(2)]
        self.chance.shuffle(statuses)
        for state in statuses:
            await self._insist(_status(sent, state))
        self.told += 1

    async def _insist(self, request: Request) -> None:
        """Post until it is answered yes."""
        while await self._post(request) != 200:  # noqa: ASYNC110 - there is nothing to wait for but time
            await asyncio.sleep(0.5)

    async def line(self, name: str, sender: str, text: str) -> str:
        """Tell of one line, five times at once; '200' where any of them was answered so."""
        answers = await asyncio.gather(*(self._post(_line(name, sender, text, copy)) for copy in range(COPIES)))
        return str(max(answers, key=lambda status: (status == 200, status)))

    async def _post(self, request: Request) -> int:
        path, body, headers = request
        try:
            async with self.session.post(self.base + path, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0

    async def finish(self) -> None:
        """Wait until everything is told."""
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        await self.session.close()

    @property
    def recipients(self) -> Counter[str]:
        """Messages by customer."""
        return Counter(
            sent.get("To") or f"+{sent['to']}" for sent in itertools.chain(self.graph.taken, self.carrier.taken)
        )


def _line(name: str, sender: str, text: str, copy: int) -> Request:
    """By Meta for even customers, in batches that differ; by Twilio for odd ones."""
    if int(sender[-1]) % 2:
        fields = twilio.message(MessageSid=name, From=sender, Body=text)
        return "/webhooks/twilio", twilio.encode(fields), twilio.sign(f"{PUBLIC}/webhooks/twilio", fields)
    message = meta.message(wamid=name, sender=sender.removeprefix("+"), text=text)
    body = meta.webhook([message] * (1 + copy % 2), statuses=[meta.status(f"wamid.other{copy}", "sent")] * (copy % 3))
    return "/webhooks/meta", body, meta.sign(body)


def _status(sent: dict[str, Any], state: str) -> Request:
    if "StatusCallback" in sent:
        path = "/webhooks/twilio/status?" + urlsplit(sent["StatusCallback"]).query
        fields = twilio.status(sent["sid"], state)
        return path, twilio.encode(fields), twilio.sign(PUBLIC + path, fields)
    body = meta.webhook(statuses=[meta.status(sent["wamid"], state, sent["biz_opaque_callback_data"])])
    return "/webhooks/meta", body, meta.sign(body)
