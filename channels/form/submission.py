"""A submission: what the form's definition lets through of a post, its canonical bytes, and the message that it makes.

    Posted ──fill──▶ Submission ──encode──▶ bytes in the ledger ──decode──▶ Submission ──read──▶ InboundMessage

`fill` raises `NotTaken` (wrong) with a complaint for each wrong field. `decode` raises `Malformed`. All of it is pure.
The same post always makes the same bytes, so that a repeated token can be told from a reused one.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from channels import Malformed, wording
from channels.form import typed_address
from channels.form.definition import CLOSED, MAPPED, Definition, Question, in_language
from channels.posted import Complaint, NotTaken, Posted, Upload
from models.envelope import Address, AttachedFile, Envelope, InboundMessage

LONGEST_ADDRESS = 254
YES = {"fr": "Oui", "en": "Yes"}
COLON = {"fr": "\N{NO-BREAK SPACE}: ", "en": ": "}


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One sent form, stored whole."""

    form: str
    language: str = ""
    """Where the visitor or the definition said it; '' where triage must find out."""
    fields: dict[str, str]
    """By the names of the definition, checked and cleaned; fields left empty are not here."""
    files: tuple[Upload, ...] = ()
    remarks: tuple[str, ...] = ()


def fill(form: Definition, posted: Posted, language: str) -> Submission:
    """Take from `posted` what `form` asks for and nothing else. Raises `NotTaken` that names every wrong field."""
    fields: dict[str, str] = {}
    wrong: dict[str, Complaint] = {}
    for question in form.fields:
        try:
            if value := _answer(question, posted):
                fields[question.name] = value
        except _Wrong as error:
            wrong[question.name] = error.complaint
    if wrong:
        raise NotTaken("wrong", "some fields are missing or wrong", posted, wrong)
    return Submission(
        form=form.name, language=language, fields=fields, files=_files(form, posted), remarks=posted.remarks
    )


class _Wrong(Exception):
    """A field's complaint on its way to `fill`."""

    def __init__(self, text: str, limit: int = 0) -> None:
        super().__init__(text)
        self.complaint = Complaint(text, limit)


def _answer(question: Question, posted: Posted) -> str:
    """The checked value of one field, '' where it was left empty."""
    if question.name in posted.shapeless:
        raise _Wrong("one_value")
    if question.type == "file":
        value = "file" if any(upload.field == question.name for upload in posted.files) else ""
    else:
        value = _value(question, posted.values.get(question.name, ""))
    if question.required and not value:
        raise _Wrong("missing_file" if question.type == "file" else "missing")
    return "" if question.type == "file" else value


def _value(question: Question, raw: str) -> str:
    """One text, as its type wants it."""
    if question.type == "email":
        return _address(raw)
    if question.type == "checkbox":
        return "on" if raw.strip() else ""
    value = wording.lines(raw) if question.type == "textarea" else wording.line(raw)
    if len(value) > question.max_length:
        raise _Wrong("too_long", question.max_length)
    if value and question.options and question.option(value) is None:
        raise _Wrong("not_an_option")
    return value


def _address(raw: str) -> str:
    """One bare e-mail address; '' for none."""
    if not raw.strip():
        return ""
    if len(raw) > LONGEST_ADDRESS:
        raise _Wrong("too_long", LONGEST_ADDRESS)
    try:
        return typed_address.read(raw)
    except ValueError as error:
        raise _Wrong("not_an_address") from error


def _files(form: Definition, posted: Posted) -> tuple[Upload, ...]:
    """The files of fields that take files, with harmless names."""
    asked = {question.name for question in form.fields if question.type == "file"}
    return tuple(
        Upload(upload.field, wording.filename(upload.filename), _media_type(upload.content_type), upload.content)
        for upload in posted.files
        if upload.field in asked
    )


def _media_type(text: str) -> str:
    """type/subtype without parameters, as the sender said it."""
    media_type = text.partition(";")[0].strip().lower()
    return media_type if media_type.isascii() and media_type.count("/") == 1 else "application/octet-stream"


def encode(submission: Submission) -> bytes:
    """The canonical bytes."""
    return msgspec.msgpack.encode(submission, order="deterministic")


def decode(body: bytes) -> Submission:
    """Read what `encode` wrote. Raises `Malformed`."""
    try:
        return msgspec.msgpack.decode(body, type=Submission)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a submitted form: {error}") from error


def sender_of(form: Definition, submission: Submission) -> str:
    """The typed address; '' where the form lets it out."""
    return _filled(form, submission, "email")


def read(form: Definition, submission: Submission, envelope: Envelope) -> InboundMessage:
    """The message that a submission makes. `form` is today's definition of it."""
    message = _filled(form, submission, "message")
    title = in_language(form.title, submission.language)
    words = wording.first_words(message)
    return InboundMessage(
        sender=Address(_filled(form, submission, "email"), _filled(form, submission, "name")),
        subject=_filled(form, submission, "subject") or (f"{title} – {words}" if words else title),
        text="\n\n".join(filter(None, (message, "\n".join(_further_lines(form, submission))))),
        reply_text=message,
        language=submission.language,
        fields=_ticket_fields(form, submission),
        attachments=tuple(
            AttachedFile(filename=file.filename, content_type=file.content_type, content=file.content)
            for file in submission.files
        ),
        spam=envelope.facts.get("abuse", ""),
        answer_by=form.answer_by,
        answer_from=form.answer_from,
        remarks=submission.remarks,
    )


def _filled(form: Definition, submission: Submission, role: str) -> str:
    """The value of the field that fills `role`, '' for none."""
    for question in form.fields:
        if question.role == role:
            return submission.fields.get(question.name, "")
    return ""


def _ticket_fields(form: Definition, submission: Submission) -> dict[str, str]:
    """Category, priority and product: what options say, and above it what a field that fills one of them says."""
    found: dict[str, str] = {}
    for question in form.fields:
        value = submission.fields.get(question.name, "")
        option = question.option(value)
        if option is not None:
            found |= {key: said for key in MAPPED if (said := getattr(option, key))}
        if value and question.role in MAPPED and (option is not None or question.role not in CLOSED):
            found.setdefault(question.role, value)
    return found


def _further_lines(form: Definition, submission: Submission) -> Iterator[str]:
    """`Label: value` of all fields that have no place of their own in a message."""
    for question in form.fields:
        label = in_language(question.label, submission.language)
        value = submission.fields.get(question.name, "")
        if question.role in {"name", "email", "subject", "message"} or question.type == "file" or not (label and value):
            continue
        if question.type == "checkbox":
            value = YES.get(submission.language, YES["en"])
        elif (option := question.option(value)) is not None:
            value = in_language(option.label, submission.language)
        yield label + COLON.get(submission.language, ": ") + value.replace("\n", "\n  ")
