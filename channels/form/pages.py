"""The pages of the forms, and the headers that guard them.

Enters: a visit and what to show. Leaves: `web.Response`. Templates, texts, style and script stand in
`config/templates/form`; what they share with other pages is in `config.pages`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from channels.form.definition import Definition, Question, in_language
from channels.form.visit import Visit
from channels.posted import Complaint, NotTaken, Posted
from config.pages import TEMPLATES, environment, guard, stylesheet, texts
from config.settings import Settings

FOLDER = TEMPLATES / "form"
ASSETS = {"form.css": "text/css", "pow.js": "text/javascript", "keep.js": "text/javascript"}
RETRY_SECONDS = 5
GIVEN_BACK = frozenset({"wrong", "foreign", "expired", "altered", "busy", "large", "many"})
"""Reasons that show the form again, with the text, where any could be read."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One field as the template shows it."""

    name: str
    type: str
    label: str
    hint: str
    required: bool
    max_length: int
    autocomplete: str
    options: list[tuple[str, str]]
    value: str
    error: str


class Pages:
    """Renders. One for each gateway process."""

    def __init__(self, settings: Settings, root: str) -> None:
        """`root` is the path that stands before ours where a proxy adds one, without a slash at its end."""
        self._root = root
        self._languages = settings.triage.languages
        self._numbers = {"files": settings.form.max_files, "megabytes": settings.http.max_body_bytes // 1_000_000}
        self._texts = texts(FOLDER)
        self.assets = {
            name: stylesheet(FOLDER / name) if name.endswith(".css") else (FOLDER / name).read_bytes()
            for name in ASSETS
        }
        self._version = hashlib.sha256(b"".join(self.assets.values())).hexdigest()[:12]
        self._jinja = environment(FOLDER)

    def form(self, visit: Visit, token: str, refusal: NotTaken | None = None) -> web.Response:
        """The form, empty, or with the text of a post that was not taken."""
        form, language, text = visit.form, visit.language, self._texts[visit.language]
        posted = (refusal.posted if refusal else None) or Posted()
        rows = [
            self._row(text, question, posted, refusal.wrong if refusal else {}, language) for question in form.fields
        ]
        other = next((one for one in self._languages if one != language), "")
        return self._page(
            "form.html",
            visit,
            status=refusal.status if refusal else 200,
            title=in_language(form.title, language),
            intro=in_language(form.intro, language),
            why=refusal.why if refusal else "",
            then=self._then(text, refusal.why) if refusal else "",
            lost_files=bool(refusal and posted.files),
            wrong_fields=[row for row in rows if row.error],
            fields=rows,
            token=token,
            honeypot=form.honeypot,
            takes_files=form.takes_files,
            work=form.proof_of_work,
            query=visit.query(visit.said or visit.preferred),
            other_language=other,
            other_query=visit.query(other),
        )

    def _row(
        self, text: dict[str, Any], question: Question, posted: Posted, wrong: Mapping[str, Complaint], language: str
    ) -> Row:
        """One field with its value and its complaint, if any."""
        complaint = wrong.get(question.name)
        hint = in_language(question.hint, language)
        if question.type == "file":
            hint = f"{hint} {text['file_hint'].format(**self._numbers)}".strip()
        return Row(
            name=question.name,
            type=question.type,
            label=in_language(question.label, language),
            hint=hint,
            required=question.required,
            max_length=question.max_length,
            autocomplete=question.autocomplete,
            options=[(option.value, in_language(option.label, language)) for option in question.options],
            value=posted.values.get(question.name, "").encode("utf-8", "replace").decode(),
            error=text["fields"][complaint.text].format(limit=complaint.limit) if complaint else "",
        )

    def thanks(self, visit: Visit, *, number: int | None, pending: bool, reference: str, here: str) -> web.Response:
        """The thank-you page: no word of the visitor's on it. While it is pending the browser asks again."""
        text = self._texts[visit.language]["thanks"]
        response = self._page(
            "thanks.html",
            visit,
            title=text["pending_title"] if pending else text["title"],
            number=number,
            pending=pending,
            reference=reference,
            again=here,
            query=visit.query(visit.said),
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        if pending:
            response.headers["Refresh"] = "2"
        return response

    def refusal(self, visit: Visit, refusal: NotTaken) -> web.Response:
        """A page that says why a post was not taken, where there is no text to give back."""
        text = self._texts[visit.language]
        return self._page(
            "message.html",
            visit,
            status=refusal.status,
            title=text["why"][refusal.why],
            then=self._then(text, "busy_unread" if refusal.why == "busy" else refusal.why),
            form_title=in_language(visit.form.title, visit.language),
            query=visit.query(visit.said),
        )

    def missing(self, language: str) -> web.Response:
        """404: unknown form, forged receipt and forgotten post look alike."""
        text = self._texts[language]
        return self._respond(
            "message.html",
            404,
            "'none'",
            language=language,
            embedded=False,
            form="",
            title=text["why"]["missing"],
            then=text["then"]["missing"],
        )

    def words(self, language: str, why: str) -> str:
        """The short sentence for a reason."""
        return str(self._texts[language]["why"][why])

    def complaint(self, language: str, complaint: Complaint) -> str:
        """The sentence for a complaint about a field."""
        return str(self._texts[language]["fields"][complaint.text].format(limit=complaint.limit))

    def _then(self, text: dict[str, Any], why: str) -> str:
        """What the visitor should do now."""
        return str(text["then"][why].format(**self._numbers))

    def _page(self, template: str, visit: Visit, status: int = 200, **values: object) -> web.Response:
        """Render a page of one form."""
        frames = _frames(visit.form) if visit.embedded else "'none'"
        return self._respond(
            template,
            status,
            frames,
            language=visit.language,
            embedded=visit.embedded,
            form=visit.form.name,
            **values,
        )

    def _respond(self, template: str, status: int, frames: str, *, language: str, **values: object) -> web.Response:
        """Render `template` and add the headers."""
        html = self._jinja.get_template(template).render(
            root=self._root, version=self._version, language=language, text=self._texts[language], **values
        )
        response = web.Response(text=html, status=status, content_type="text/html")
        guard(response, frames)
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept-Language, Accept"
        return response


def _frames(form: Definition) -> str:
    """The sites that may frame a form, as CSP writes them."""
    return " ".join(form.frames) or "'none'"
