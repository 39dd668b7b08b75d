"""Inquire: let channels ask outside about messages before they are read, all at once and never for long.

Enters: raw messages. Leaves: the same, those with evidence about whom something was found out. Nothing raises: what is
late, or fails, is left out, and the message is read without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from channels import Channel
from config import logs
from models.envelope import RawMessage

log = logs.of("inquire")


async def inquire(raws: Sequence[RawMessage], channels: Mapping[str, Channel]) -> list[RawMessage]:
    """Ask about all of `raws` together. Takes no longer than the most patient channel."""
    return list(await asyncio.gather(*(_about(raw, channels.get(raw.envelope.channel)) for raw in raws)))


async def _about(raw: RawMessage, channel: Channel | None) -> RawMessage:
    if channel is None or not channel.inquires:
        return raw
    try:
        async with asyncio.timeout(channel.patience):
            return await channel.inquire(raw)
    except TimeoutError:
        log.info("inquiry_late", trace_id=raw.envelope.trace_id)
    except Exception:  # a message must not be lost because asking about it failed
        log.exception("inquiry_bug", trace_id=raw.envelope.trace_id)
    return raw
