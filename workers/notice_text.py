"""The words of notices to agents, in their language: long for mail, short for telephones. Pure but for the texts' file.

Enters: a ticket's story and what is to be told. Leaves: a text. Whatever strangers wrote stands in it as plain text,
below the mark above which is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from config.pages import TEMPLATES, texts
from workers.answer_words import MARK
from workers.commands import Mistake
from workers.story import Said, Story

FALLBACK = "en"
LONGEST_WORDS, LONGEST_TEXT = 2_000, 20_000
COMMANDS = {
    "en": "#note #close #waiting #resolved #priority high #assign marie #take #team #category #tag #merge 12 #help",
    "fr": "#note #clos #attente #résolu #priorité haute #affecter marie #prendre #équipe #catégorie #étiquette"
    " #fusionner 12 #aide",
}

Title = Callable[[str, str], str]
"""Channel and address to what people call that way."""


@cache
def _all() -> dict[str, Any]:
    return texts(TEMPLATES / "notice")


def words(language: str) -> dict[str, Any]:
    """The texts of a language, or of the fallback."""
    return _all().get(language) or _all()[FALLBACK]  # type: ignore[no-any-return]


def commands(language: str) -> str:
    """The list of commands."""
    return COMMANDS.get(language, COMMANDS[FALLBACK])


def subject(story: Story, language: str) -> str:
    """The same in every notice of a ticket, so that mail programs keep them together."""
    printable = " ".join("".join(letter if letter.isprintable() else " " for letter in story.subject).split())
    return f"[#{story.number}] {printable[:150] or words(language)['untitled']}"


def news(kinds: Sequence[str], details: Sequence[str], language: str, zone: ZoneInfo) -> list[str]:
    """What happened, each thing once."""
    text = words(language)
    told = [
        text["kinds"][kind].format(detail=_promise(detail, text, zone))
        for kind, detail in zip(kinds, details, strict=True)
        if kind in text["kinds"]
    ]
    return list(dict.fromkeys(told))


def _promise(detail: str, text: Mapping[str, Any], zone: ZoneInfo) -> str:
    """`first_response 2026-11-25T15:00:00Z`, as clocks note it, in words; anything else as it is."""
    what, _, due = detail.partition(" ")
    if what not in text["promises"]:
        return " ".join(detail.split())[:300]
    try:
        return str(text["promises"][what].format(time=moment(datetime.fromisoformat(due), zone)))
    except ValueError:
        return str(text["promises"][what].format(time="?"))


def long(
    story: Story, headlines: Sequence[str], *, language: str, zone: ZoneInfo, title: Title, link: str, few: bool
) -> str:
    """A mail: what happened, how to answer, the conversation. `few`: answers go out in short messages."""
    text = words(language)
    parts = [
        MARK + text["mark"],
        "\n".join(headlines),
        "\n".join(
            [
                text["ticket"].format(number=story.number, subject=story.subject or text["untitled"]),
                text["customer"].format(name=story.customer, title=title(story.channel, story.address)),
                text["state"].format(
                    status=text["statuses"].get(story.status, story.status),
                    priority=text["priorities"].get(story.priority, story.priority),
                ),
                *_limits(story, text, zone, few=few),
            ]
        ),
        text["how"].format(commands=commands(language)),
        *([text["console"].format(link=link)] if link else []),
        f"—— {text['conversation']} ——",
    ]
    length = sum(map(len, parts))
    for said in story.said:
        block = _block(said, text, zone, title)
        length += len(block)
        if length > LONGEST_TEXT:
            parts.append(text["cut"])
            break
        parts.append(block)
    return "\n\n".join(filter(None, parts)) + "\n"


def _limits(story: Story, text: Mapping[str, Any], zone: ZoneInfo, *, few: bool) -> list[str]:
    window = story.window
    if window.stopped_at:
        return [text["stopped"]]
    if window.closed_at:
        return [text["window_closed"].format(time=moment(window.closed_at, zone))]
    until = [text["window_until"].format(time=moment(window.until, zone))] if window.until else []
    return [*until, *([text["long_text"]] if few else [])]


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time as both languages read it."""
    return f"{at.astimezone(zone):%d/%m/%Y %H:%M}"


def _block(said: Said, text: Mapping[str, Any], zone: ZoneInfo, title: Title) -> str:
    """One message: who, when, by which way; the words, indented so that no line of theirs looks like one of ours."""
    who = said.sender if said.direction == "in" else f"{text['we']}, {said.sender}"
    way = text["note"] if said.direction == "note" else title(said.channel, said.address)
    body = said.words.strip()
    if len(body) > LONGEST_WORDS:
        body = f"{body[:LONGEST_WORDS]} {text['cut']}"
    lines = [f"{who}, {moment(said.at, zone)} ({way}):", *(f"    {line}" for line in body.split("\n"))]
    if said.files:
        lines.append(text["files"].format(names=", ".join(said.files)))
    return "\n".join(lines)


def short(story: Story, headlines: Sequence[str], *, language: str, name: str, forgeable: bool, longest: int) -> str:
    """A few lines for a telephone. `name`: how the ticket is named on it."""
    text = words(language)
    how = text["short_code" if forgeable else "short_how"].format(name=name)
    last = next((said for said in story.said if said.direction == "in"), None)
    heard = " ".join(last.words.split()) if last else story.subject
    files = f" [{', '.join(last.files)}]" if last and last.files else ""
    head = f"#{story.number} {story.customer}: {' '.join(headlines)}"
    room = max((longest or LONGEST_TEXT) - len(head) - len(how) - len(files) - 8, 40)
    heard = heard if len(heard) <= room else f"{heard[:room]}…"
    return f"{head}\n« {heard} »{files}\n{how}"


def refused(
    code: str,
    detail: str,
    *,
    language: str,
    mistakes: Sequence[Mistake] = (),
    understood: Sequence[str] = (),
    kept: bool,
) -> list[str]:
    """Why an answer was not sent, as lines."""
    text = words(language)
    lines = [text["refused"][code].format(detail=detail)]
    lines += [f"  {text['mistakes'][mistake.code].format(said=mistake.said)}" for mistake in mistakes]
    if understood:
        lines.append(text["understood"].format(what=", ".join(understood)))
    if code == "commands":
        lines.append(text["commands"].format(commands=commands(language)))
    return [*lines, text["kept" if kept else "kept_nowhere"]]
