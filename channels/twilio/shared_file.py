"""A file that Twilio fetches from us: it wants an address for each, and nobody else may guess one.

    GET /webhooks/twilio/file/{digest}/{ends}/{type}/{seal}   200 the file   404 for all else, and once it has expired

Enters: a file that goes out. Leaves: its address, sealed with our key and good for a day. The bytes stand in the object
store under their digest. Raises what the store raises.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from config import secret
from config.objects import Objects
from config.settings import Settings
from models.envelope import AttachedFile

GOOD_FOR = timedelta(days=1)
"""Longer than Twilio keeps a message in its queue."""
PATH = "/webhooks/twilio/file"
PURPOSE = "shared file"


async def share(file: AttachedFile, objects: Objects, settings: Settings, now: datetime) -> str:
    """Store `file`, and say where Twilio finds it."""
    digest = await objects.put(file.content)
    ends = str(int((now + GOOD_FOR).timestamp()))
    kind = base64.urlsafe_b64encode(file.content_type.encode()).decode().rstrip("=")
    mark = secret.seal(secret.key(settings), PURPOSE, digest, ends, kind)
    return f"{settings.base_url}{PATH}/{digest}/{ends}/{kind}/{mark}"


def route(settings: Settings, clock: Callable[[], datetime]) -> web.RouteDef:
    """What serves those addresses."""
    key, objects = secret.key(settings), Objects(settings)

    async def serve(request: web.Request) -> web.Response:
        digest, ends, kind, mark = (request.match_info[name] for name in ("digest", "ends", "kind", "mark"))
        if not secret.sealed(key, mark, PURPOSE, digest, ends, kind) or clock().timestamp() > int(ends):
            raise web.HTTPNotFound
        try:
            content = await objects.get(digest)
            content_type = base64.urlsafe_b64decode(kind + "=" * (-len(kind) % 4)).decode("ascii")
        except (FileNotFoundError, binascii.Error, ValueError) as error:
            raise web.HTTPNotFound from error
        return web.Response(
            body=content,
            headers={
                "Content-Type": content_type,
                "Content-Disposition": "attachment",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    return web.get(PATH + r"/{digest:[0-9a-f]{64}}/{ends:[0-9]{1,12}}/{kind:[\w-]{1,200}}/{mark:[a-z2-7]{16}}", serve)
