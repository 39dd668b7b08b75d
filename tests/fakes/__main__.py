"""Both stand-ins in the foreground: `python -m tests.fakes`. Says how to set Guichet, then shows what customers get."""

from __future__ import annotations

import asyncio
import contextlib

from tests.fakes import meta, twilio


async def run() -> None:
    """Serve until interrupted."""
    async with meta.Meta() as graph, twilio.Twilio() as carrier:
        print(
            "export GUICHET_PUBLIC_URL=http://127.0.0.1:8080"
            f" GUICHET_META__APP_SECRET={meta.SECRET} GUICHET_META__VERIFY_TOKEN={meta.VERIFY}"
            f" GUICHET_META__ACCESS_TOKEN={meta.TOKEN} GUICHET_META__API_URL={graph.url}"
            f" GUICHET_META__PHONE_NUMBER_IDS='[\"{meta.NUMBER}\"]'"
            f" GUICHET_TWILIO__ACCOUNT_SID={twilio.ACCOUNT} GUICHET_TWILIO__AUTH_TOKEN={twilio.TOKEN}"
            f" GUICHET_TWILIO__NUMBERS='[\"{twilio.NUMBER}\"]' GUICHET_TWILIO__API_URL={carrier.url}",
            flush=True,
        )
        shown = [0, 0]
        while True:
            for place, fake in enumerate((graph, carrier)):
                for sent in fake.taken[shown[place] :]:
                    words = sent.get("Body") or sent.get("text", {}).get("body", "")
                    print(f"→ {sent.get('To') or sent.get('to')}: {words!r}", flush=True)
                shown[place] = len(fake.taken)
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
