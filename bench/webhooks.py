"""Signed webhooks as fast as they are taken, or so many a second: `python -m bench.webhooks`, a process of its own.

Enters: a `Plan` as JSON on the command line. It makes and signs all bodies first, then sends each as a request of its
own over connections that are kept. Leaves: a `Sent` as JSON. Seven in ten open a conversation, three in ten go on with
one. `Answers` reads no more of HTTP than the status and the length, so that the load costs little.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import statistics
import sys
import time
from collections import deque
from typing import cast

import msgspec
import uvloop

from gateway.simulation_summary import percentile

SECRET = "secret-of-the-bench"
ENVIRONMENT = {"GUICHET_META__APP_SECRET": SECRET, "GUICHET_META__VERIFY_TOKEN": "bench"}
TEXTS = (
    "Bonjour, ma facture du mois dernier compte une commande deux fois, pouvez-vous la corriger ?",
    "Hello, my parcel has not arrived yet, the tracking page shows nothing since Monday.",
    "Je n'arrive plus à me connecter à mon espace client depuis la mise à jour, merci de votre aide.",
    "I would like to send an article back, it is too small. How do I get a refund?",
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and how."""

    port: int
    count: int
    connections: int = 64
    rate: float = 0.0
    """A second; 0: as fast as they are taken."""
    seed: int = 1


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. Moments are seconds since 1970."""

    accepted: int
    refused: int
    first: float
    last: float
    p50_ms: float
    """From when a webhook was due until its answer."""
    p99_ms: float


class Answers(asyncio.Protocol):
    """One connection: `ask` writes a request and waits for the status of its answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._waiting: deque[asyncio.Future[int]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take every whole answer: head, then as many bytes as Content-Length says."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._rest) < end + 4 + length:
                return
            self._waiting.popleft().set_result(int(head[9:12]))
            self._rest = self._rest[end + 4 + length :]

    async def ask(self, request: bytes) -> int:
        """Send one request; the status of its answer."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.transport.write(request)
        return await future


def requests(plan: Plan) -> list[bytes]:
    """All of them, signed."""
    made = []
    for number in range(plan.count):
        customer = number if number % 10 < 7 else number // 10 * 10 + number % 3
        sender = f"336{plan.seed % 10}{customer:07}"
        message = {
            "from": sender,
            "id": f"wamid.{plan.seed}.{number}",
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": TEXTS[number % len(TEXTS)]},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
            "contacts": [{"profile": {"name": "Claire Martin"}, "wa_id": sender}],
            "messages": [message],
        }
        entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
        body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        made.append(
            b"POST /webhooks/meta HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"X-Hub-Signature-256: sha256=%b\r\nContent-Length: %d\r\n\r\n%b" % (digest.encode(), len(body), body)
        )
    return made


async def send(plan: Plan) -> Sent:
    """Carry the plan out."""
    waiting = list(enumerate(requests(plan)))
    loop = asyncio.get_running_loop()
    lines = [
        (await loop.create_connection(Answers, "127.0.0.1", plan.port))[1]
        for _ in range(min(plan.connections, plan.count))
    ]
    statuses: list[int] = []
    waits: list[float] = []
    remaining = iter(waiting)
    first, start = time.time(), loop.time()

    async def one(line: Answers) -> None:
        for number, request in remaining:
            due = start + number / plan.rate if plan.rate else loop.time()
            await asyncio.sleep(max(0.0, due - loop.time()))
            statuses.append(await line.ask(request))
            waits.append(loop.time() - due)

    await asyncio.gather(*map(one, lines))
    last = time.time()
    for line in lines:
        line.transport.close()
    yes = statuses.count(200)
    return Sent(
        accepted=yes,
        refused=len(statuses) - yes,
        first=first,
        last=last,
        p50_ms=1_000 * statistics.median(waits),
        p99_ms=1_000 * percentile(waits, 0.99),
    )


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    sys.stdout.write(msgspec.json.encode(uvloop.run(send(plan))).decode())
