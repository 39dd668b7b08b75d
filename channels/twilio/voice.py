"""What a caller hears: the way of a call as TwiML documents (twilio.com/docs/voice/twiml). Pure.

    call ──▶ put through (where a number is set) ──answered──▶ end
     │            └──nobody answers──▶ missed
     └──no number──▶ missed ──▶ announcement, tone, recording ──▶ thanks ──▶ end

A missed call is kept the moment it is one, before anything is said; its recording follows, as another request.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from channels.twilio.fields import Fields

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
SPOKEN = {"fr": "fr-FR", "en": "en-GB"}
VOICEMAIL = {
    "fr": "Bonjour. Nous ne pouvons pas vous répondre pour le moment. Laissez-nous un message après le signal sonore.",
    "en": "Hello. We cannot take your call right now. Please leave a message after the tone.",
}
MISSED = {
    "fr": "Bonjour. Nous ne pouvons pas vous répondre pour le moment. Votre appel est noté. Au revoir.",
    "en": "Hello. We cannot take your call right now. Your call has been noted. Goodbye.",
}
THANKS = {"fr": "Merci. Votre message est enregistré. Au revoir.", "en": "Thank you. Your message is saved. Goodbye."}


class Step(msgspec.Struct, frozen=True):
    """Where a call stands."""

    name: str
    """dial, missed, recorded, end."""
    keep: bool = False
    """Whether the request is to be stored: it is a missed call, or a recording."""


def step(asked: str, fields: Fields, settings: Any) -> Step:
    """Where the call is, by which of our addresses Twilio calls and what it tells."""
    if asked == "recording":
        return Step("end", keep=bool(fields["RecordingUrl"]) and fields["RecordingStatus"] in ("", "completed"))
    if asked == "recorded":
        return Step("recorded")
    if asked == "dialled":
        return Step("end") if fields["DialCallStatus"] in ("completed", "answered") else Step("missed", keep=True)
    if fields["CallStatus"] in ("completed", "canceled"):
        return Step("end")
    return Step("dial") if settings.forward_to else Step("missed", keep=True)


def twiml(step: Step, settings: Any, url: str) -> str:
    """The document for a step. `url` is our own address for calls."""
    match step.name:
        case "dial":
            verbs = _dial(settings, url)
        case "missed" if settings.voicemail:
            verbs = _say(VOICEMAIL, settings) + _record(settings, url)
        case "missed":
            verbs = _say(MISSED, settings) + "<Hangup/>"
        case "recorded":
            verbs = _say(THANKS, settings) + "<Hangup/>"
        case _:
            verbs = ""
    return f"{HEAD}<Response>{verbs}</Response>"


def _say(texts: dict[str, str], settings: Any) -> str:
    return "".join(
        f"<Say language={quoteattr(SPOKEN[name])}>{escape(texts[name])}</Say>" for name in settings.languages
    )


def _dial(settings: Any, url: str) -> str:
    number = escape(settings.forward_to)
    return f'<Dial timeout="{settings.ring_seconds}" action={quoteattr(url + "?step=dialled")}>{number}</Dial>'


def _record(settings: Any, url: str) -> str:
    """Record until silence, `#` or the limit; the recording is told of when it can be fetched."""
    return (
        f'<Record maxLength="{settings.max_seconds}" playBeep="true" trim="trim-silence" finishOnKey="#"'
        f" action={quoteattr(url + '?step=recorded')}"
        f" recordingStatusCallback={quoteattr(url + '?step=recording')}"
        ' recordingStatusCallbackEvent="completed"/>'
    )
