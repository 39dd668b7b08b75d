"""`/api/v1`: tickets for programs. The table of routes is in `gateway.api.routes`; see docs/api.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aiohttp import hdrs, web

from channels import Channel
from config import secret
from config.hints import Hint
from config.objects import Objects
from gateway.api.door import GUARD, Door
from gateway.api.openapi import document
from gateway.api.problem import Problem
from gateway.api.route import Shop
from gateway.api.routes import ROUTES
from gateway.keys import DATABASE, INBOX, SETTINGS
from gateway.staff import recognise
from models.actor import Actor

PREFIX = "/api/v1"
_NUMBER = re.compile(r"\{(\w+)\}")


async def signed_in(request: web.Request) -> Actor | None:
    """Who is signed in with the browser that asks."""
    visitor = await recognise(request)
    return visitor.actor if visitor else None


def mount(
    app: web.Application,
    channels: Mapping[str, Channel],
    ring: Callable[[], None],
    hint: Callable[[list[Hint]], None],
) -> None:
    """Add the routes. `ring` tells that something is to be sent, `hint` what happened."""
    settings = app[SETTINGS]
    shop = Shop(settings, channels, secret.key(settings), app[INBOX], Objects(settings), ring, hint)
    door = Door(app[DATABASE], shop, signed_in)
    described = document(ROUTES, PREFIX)

    async def openapi(_request: web.Request) -> web.Response:
        return web.json_response(described, headers=GUARD)

    app.router.add_get(f"{PREFIX}/openapi.json", openapi)
    places = []
    for route in ROUTES:
        path = PREFIX + _NUMBER.sub(r"{\1:\\d{1,19}}", route.path)
        places.append((re.compile(PREFIX + _NUMBER.sub(r"\\d{1,19}", route.path)), route.method))
        if route.reads:
            app.router.add_get(path, door.serving(route))
        else:
            app.router.add_route(route.method, path, door.serving(route))

    async def unknown(request: web.Request) -> web.Response:
        known = {method for place, method in places if place.fullmatch(request.path)}
        known |= {hdrs.METH_GET} if request.path == f"{PREFIX}/openapi.json" else set()
        known |= {hdrs.METH_HEAD} if hdrs.METH_GET in known else set()
        problem = Problem(405, headers={hdrs.ALLOW: ", ".join(sorted(known))}) if known else Problem(404)
        response = problem.response()
        response.headers.update(GUARD)
        return response

    app.router.add_route("*", PREFIX + "/{rest:.*}", unknown)
