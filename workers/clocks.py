"""The clocks of a worker process that look after tickets: commitments, owners, surges, what customers may expect."""

from __future__ import annotations

from config.bell import Bell
from config.database import Database
from config.hints import Hints
from workers.actors import Loop
from workers.assign import Assign
from workers.batch import Office
from workers.clock import Clock
from workers.surge import Surge


def clocks_of(database: Database, office: Office, bells: dict[str, Bell], hints: Hints) -> dict[str, Loop]:
    """A loop for each, by name. `assign` wants to be rung oftener than the others."""
    clock = Clock(database, office.settings)
    assign = Assign(database, office.settings, hints.send)
    surge = Surge(database, office)

    async def look_at_the_clocks() -> bool:
        await clock.drain()
        return False  # at the pace of the sweep: what is due is further away, and settling goes first

    async def give_to_agents() -> bool:
        return await assign.drain() > 0

    async def watch_for_surges() -> bool:
        answered = await surge.drain()
        if answered and "outbox" in bells:
            bells["outbox"].ring()
        return answered > 0

    async def look_ahead() -> bool:
        await office.outlook.look(database)
        return False

    drains = {
        "clock": look_at_the_clocks,
        "assign": give_to_agents,
        "surge": watch_for_surges,
        "outlook": look_ahead,
    }
    return {name: Loop(name, drain) for name, drain in drains.items()}
