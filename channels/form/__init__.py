"""The form channel: customers write by a web form of `config/forms.toml`, posted as HTML form or as JSON.

A post becomes bytes at the door (`door`, `body`, `submission`), a message when it is read (`submission.read`). It has
no way out of its own: answers go by the channel that the form's definition names (`answer_by`, `answer_from`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from channels import Accept, Channel, Malformed, WayIn
from channels.clock import utc_now
from channels.form import definition, submission
from models.envelope import InboundMessage, RawMessage

if TYPE_CHECKING:
    from aiohttp import web

    from config.settings import Settings


class Form(Channel):
    """All forms of one file of definitions. Raises `definition.DefinitionError` where that is wrong."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(name, settings)
        self.forms = definition.load(settings.form.definitions)
        self._clock = clock
        self._random = random

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Serve /forms. The answers are listed in `door`."""
        # Here, since the child that reads messages needs neither a web server nor templates in its memory.
        from channels.form.door import Door

        app.add_routes(
            Door(self.name, self.settings, self.forms, accept, clock=self._clock, random=self._random).routes()
        )

    def ways_in(self, language: str) -> tuple[WayIn, ...]:
        """Every form."""
        return tuple(
            WayIn(definition.in_language(form.title, language), f"{self.settings.base_url}/forms/{name}")
            for name, form in self.forms.items()
        )

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message. Raises `Malformed` for other bytes, and for a form that is not defined any more."""
        sent = submission.decode(raw.body)
        form = self.forms.get(sent.form)
        if form is None:
            raise Malformed(f"the form {sent.form} is not defined any more; define it again, then retry")
        return (submission.read(form, sent, raw.envelope),)
