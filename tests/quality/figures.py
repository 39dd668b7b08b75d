"""The figures of one case: what was read, compared with what was expected.

Enters: a case. Leaves: scores, each a share of 1 with a note for who looks for the worst. Nothing of the reader's is
caught: a mail on which it raises ends the run, for that is what must never happen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from channels.email.inbound import inbound
from channels.email.machine_mail import Verdict, judge
from channels.email.mail import Mail
from channels.email.mime import read
from channels.email.reply_text import new_words
from models.envelope import AttachedFile, Envelope, InboundMessage
from tests.quality.compare import is_exact, loses_words, similarity, token_f1
from tests.quality.corpus import REPLIES, Case
from tests.quality.generated import Reply

FAMILIES = {
    "bounce": {"bounce", "delay"},
    "notice": {"bounce", "delay", "receipt"},
    "delay": {"delay"},
    "arf": {"feedback_report"},
    "mdn": {"receipt"},
    "auto": {"auto_reply", "out_of_office"},
    "vacation": {"out_of_office"},
    "human": {""},
}
"""Kinds as corpora write them, and ours that they mean; any other word means itself."""
FIGURE_OF = {"bounce": "bounces found", "delay": "bounces found", "notice": "bounces found", "human": "false alarms"}
AUTOMATIC_ANSWERS = frozenset({"auto", "vacation", "auto_reply", "out_of_office", "calendar_reply"})


class Score(NamedTuple):
    """One comparison."""

    figure: str
    value: float
    case: str
    note: str = ""


class Seen(NamedTuple):
    """A mail as it was read."""

    mail: Mail
    verdict: Verdict
    message: InboundMessage


def see(raw: bytes) -> Seen:
    """Read one mail as the channel does, with an envelope that says nothing."""
    mail = read(raw)
    verdict = judge(mail)
    envelope = Envelope(
        channel="email",
        account="",
        external_id=hashlib.sha256(raw).hexdigest(),
        sender="",
        received_at=datetime.now(UTC),
        trace_id="",
        lane="",
    )
    return Seen(mail, verdict, inbound(mail, envelope, verdict, own=frozenset(), hostname="guichet.example"))


def scores(case: Case) -> Iterator[Score]:
    """Every score that the expected values of `case` allow."""
    seen = see(case.raw)
    for found in (*_headers(case, seen), *_files(case, seen), *_body(case, seen)):
        yield found._replace(case=case.name)
    for found in (*_new_words(case, seen), *_machine(case, seen)):
        yield found._replace(case=case.name)


def _headers(case: Case, seen: Seen) -> Iterator[Score]:
    mail = seen.mail
    sender = mail.senders[0] if mail.senders else None
    values: dict[str, object] = {
        "subject": mail.subject,
        "from_addr": sender.address if sender else "",
        "from_name": sender.name if sender else "",
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to[0] if mail.in_reply_to else "",
        "references": list(mail.references),
        "to": [address.address for address in mail.to],
        "cc": [address.address for address in mail.cc],
    }
    for name, value in values.items():
        if name in case.expect:
            wanted = case.expect[name]
            yield _agreement("headers", _plain(value) == _plain(wanted), f"{name}: {value!r}, not {wanted!r}")


def _plain(value: object) -> object:
    """Blanks and the case of addresses do not count."""
    if isinstance(value, list):
        return [str(part).lower() for part in value]
    return " ".join(str(value).split()).lower() if "@" in str(value) else " ".join(str(value).split())


def _files(case: Case, seen: Seen) -> Iterator[Score]:
    files = list(seen.mail.attachments)
    if "n_atts" in case.expect:
        count = case.expect["n_atts"]
        yield _agreement("attachments", len(files) == count, f"{len(files)} files, not {count}")
    if "atts" in case.expect:
        wanted = case.expect["atts"]
        pairs = list(zip(files, wanted, strict=False))
        fits = len(files) == len(wanted) and all(_is_file(*pair) for pair in pairs)
        yield _agreement("attachments", fits, f"{[(f.filename, len(f.content)) for f in files]}, not {wanted}")
    for wanted in case.expect.get("atts_some", ()):
        yield _agreement("attachments", any(_is_file(file, wanted) for file in files), f"there is no {wanted}")


def _is_file(file: AttachedFile, wanted: dict[str, Any]) -> bool:
    """`free_name`: its name was made up. `text`: its line ends may have changed on the way."""
    if wanted.get("filename") is not None and file.filename != wanted["filename"]:
        return False
    sizes = {len(file.content)}
    if wanted.get("text"):
        sizes.add(len(file.content.replace(b"\r\n", b"\n")))
    return wanted.get("size", len(file.content)) in sizes and wanted.get("sha256", file.sha256) == file.sha256


def _body(case: Case, seen: Seen) -> Iterator[Score]:
    if "text" in case.expect:
        near = similarity(seen.mail.text, case.expect["text"])
        yield Score("body similarity", near, "", f"{seen.mail.text[:200]!r}")
    if case.about != REPLIES:
        yield from _phrases(case, seen.mail.text, "body phrases")


def _new_words(case: Case, seen: Seen) -> Iterator[Score]:
    found = seen.message.reply_text
    if "nospace" in case.expect:
        same = "".join(found.split()) == "".join(case.expect["nospace"].split())
        yield _agreement("new text exact", same, repr(found[:300]))
    if case.about == REPLIES:
        yield from _phrases(case, found, "new text phrases")
    if "exact" not in case.expect:
        return
    yield from _compared(found, case.expect["exact"])
    if case.language == "fr":
        yield Score("French token F1", token_f1(found, case.expect["exact"]), "", repr(found[:400]))


def _compared(found: str, expected: str) -> Iterator[Score]:
    note = repr(found[:400])
    yield _agreement("new text exact", is_exact(found, expected), note)
    yield Score("new text token F1", token_f1(found, expected), "", note)
    yield _agreement("customer words kept", not loses_words(found, expected), note)


def scores_of_reply(reply: Reply) -> Iterator[Score]:
    """The scores of a reply that was made up."""
    for found in _compared(new_words(reply.text), reply.new):
        yield found._replace(case=f"{reply.shape}: {reply.text[:200]!r}")


def _phrases(case: Case, text: str, figure: str) -> Iterator[Score]:
    line = " ".join(text.split())
    missing = [phrase for phrase in case.expect.get("contains", ()) if " ".join(phrase.split()) not in line]
    left = [phrase for phrase in case.expect.get("absent", ()) if " ".join(phrase.split()) in line]
    if "contains" in case.expect or "absent" in case.expect:
        yield _agreement(figure, not missing and not left, f"missing {missing}, left in {left}")


def _machine(case: Case, seen: Seen) -> Iterator[Score]:
    kind, verdict = case.expect.get("kind"), seen.verdict
    if kind is None:
        return
    right = verdict.kind in FAMILIES.get(kind, {kind})
    figure = FIGURE_OF.get(kind, "automatic answers" if kind in AUTOMATIC_ANSWERS else "other machine mail")
    note = f"{verdict.kind or 'a person'} ({verdict.reason}), not {kind}"
    yield Score(figure, float(not right) if figure == "false alarms" else float(right), "", "" if right else note)
    yield from _reported(case, verdict)
    if "away_until" in case.expect:
        said = str(verdict.away_until or "")
        yield _agreement("away until", said == case.expect["away_until"], said)


def _reported(case: Case, verdict: Verdict) -> Iterator[Score]:
    recipients = [report.recipient for report in verdict.reports]
    statuses = [report.status for report in verdict.reports]
    if wanted := case.expect.get("reports"):
        yield _agreement("bounce recipient", recipients == [row[0] for row in wanted], f"{recipients}")
        yield _agreement("bounce status", statuses == [row[1] for row in wanted], f"{statuses}, not {wanted}")
    if wanted := case.expect.get("rcpt"):
        known = {address.lower() for address in wanted}
        yield _agreement("bounce recipient", not known.isdisjoint(recipients), f"{recipients}, not {wanted}")
    if wanted := case.expect.get("status"):
        figure = "bounce status (private codes)" if all(map(_is_private, wanted)) else "bounce status"
        yield _agreement(figure, not set(wanted).isdisjoint(statuses), f"{statuses}, not {wanted}")


def _is_private(status: str) -> bool:
    """X.0.9nn: no detail of RFC 3463 or the IANA registry; some parsers number their own reasons so."""
    _, subject, detail = status.split(".")
    return subject == "0" and len(detail) == 3 and detail[0] == "9"


def _agreement(figure: str, agrees: bool, note: str) -> Score:
    return Score(figure, float(agrees), "", "" if agrees else note)
