"""The console: where agents work on tickets. See docs/console.md.

Every handler stands behind `staff("tickets")`, and every query carries the actor's `visible`: another team's ticket is
as if it were not there, by whatever id it is asked for. The modules list their routes with every answer that they can
give: `queue`, `ticket`, `acts`, `files`, `live`, `texts`. Pages work with plain posts; scripts add what is live.
"""

from __future__ import annotations

from aiohttp import web

from gateway.console.acts import ACTS, Acts
from gateway.console.desk import Desk, Handler
from gateway.console.files import Files
from gateway.console.live import Live
from gateway.console.queue import QueuePages
from gateway.console.texts import TextPages
from gateway.console.ticket import TicketPages
from gateway.staff import staff
from models import life

NUMBER = r"{number:\d{1,15}}"


def mount(app: web.Application) -> None:
    """Add the console, once channels and staff are there."""
    desk = Desk(app)
    cycle = life.Cycle.of(desk.settings)
    queue, tickets, files = QueuePages(desk, cycle), TicketPages(desk, cycle), Files(desk)
    acts, live, texts = Acts(desk, tickets, cycle), Live(desk), TextPages(desk)

    def behind(handler: Handler) -> Handler:
        return staff("tickets")(desk.answered(handler))

    here = f"/console/{NUMBER}"
    app.add_routes(
        [
            web.get("/console/assets/{asset}", desk.pages.asset),
            web.get("/console", behind(queue.show)),
            web.post("/console/bulk", behind(queue.bulk)),
            web.post("/console/views", behind(queue.save)),
            web.post(r"/console/views/{id:\d{1,15}}/delete", behind(queue.drop)),
            web.get("/console/texts", behind(texts.show)),
            web.post("/console/texts", behind(texts.save)),
            web.post(r"/console/texts/{id:\d{1,15}}/delete", behind(texts.drop)),
            web.get("/console/live", behind(live.queue)),
            web.get(here, behind(tickets.show)),
            web.get(f"{here}/live", behind(live.ticket)),
            web.post(f"{here}/sign", behind(live.sign)),
            web.get(here + r"/files/{id:\d{1,15}}", behind(files.file)),
            web.get(here + r"/messages/{id:\d{1,15}}/html", behind(files.html)),
            web.get(here + r"/messages/{id:\d{1,15}}/text", behind(files.text)),
            web.get(here + r"/messages/{id:\d{1,15}}/raw", behind(files.raw)),
            web.post(f"{here}/reply", behind(acts.reply)),
            web.post(f"{here}/preview", behind(acts.preview)),
            *(web.post(f"{here}/{name}", behind(acts.act)) for name in ACTS),
        ]
    )
    app.on_shutdown.append(live.end)
