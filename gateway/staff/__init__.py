"""Those who work here: who is asking, what they may, and the frame of all their pages.

Other pages for staff wrap their handlers in `staff(permission)`, ask `actor_of(request)`, and render inside the frame
with `StaffPages`. See docs/agents.md.
"""

from __future__ import annotations

from aiohttp import web

from config.pages import TEMPLATES
from gateway.staff import access, layout
from gateway.staff.access import ACCESS, actor_of, again, recognise, same_origin, staff, visitor_of
from gateway.staff.account import OwnAccount
from gateway.staff.administration import Administration
from gateway.staff.identity import ByIdentity
from gateway.staff.layout import FOLDER, StaffPages, language_of, redirect
from gateway.staff.origin import place
from gateway.staff.posted import Fields, form_of
from gateway.staff.problem import problem
from gateway.staff.refusals import Refusals
from gateway.staff.sign_in import SignIn
from gateway.staff.survey import Survey

__all__ = [
    "ACCESS",
    "Fields",
    "StaffPages",
    "actor_of",
    "again",
    "form_of",
    "language_of",
    "mount",
    "place",
    "problem",
    "recognise",
    "redirect",
    "same_origin",
    "staff",
    "visitor_of",
]


ACCOUNT, AGENTS = TEMPLATES / "account", TEMPLATES / "agents"


def mount(app: web.Application) -> None:
    """Add sign-in, accounts and the frame's assets."""
    access.mount(app)
    app[ACCESS].refuse = Refusals(app).answer
    app.router.add_get("/staff/assets/{asset}", layout.frame_assets().answer)
    door = SignIn(app, StaffPages(app, FOLDER, section="door"))
    door.mount(app)
    ByIdentity(app, door).mount(app)
    OwnAccount(app, StaffPages(app, ACCOUNT, section="account"), door).mount(app)
    Survey(app, StaffPages(app, TEMPLATES / "survey", section="account")).mount(app)
    Administration(app, StaffPages(app, AGENTS, section="agents")).mount(app)


def mount_first_steps(app: web.Application) -> None:
    """Have `/console` say how to begin, where no console stands there."""
    if all(resource.canonical != "/console" for resource in app.router.resources()):
        app.router.add_get("/console", staff("tickets")(_onward))


async def _onward(request: web.Request) -> web.StreamResponse:
    return redirect(request, "/account")
