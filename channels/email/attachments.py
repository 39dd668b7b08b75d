"""The files of a mail: leaves of the MIME tree in, `AttachedFile` values with names that are safe to show out."""

from __future__ import annotations

import re

from channels.email import charset, encoded_words, filenames, headers, tnef, uuencode
from channels.email.structure import Entity
from models.envelope import AttachedFile

_TNEF_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_USUAL_NAMES = {
    "application/ms-tnef": "winmail.dat",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "text/calendar": "invite.ics",
}
_MEDIA_TYPE = re.compile(r"[a-z0-9][\w!#$&^.+-]{0,126}/[a-z0-9][\w!#$&^.+-]{0,126}", re.ASCII)
_NO_NAME_CHARACTERS = re.compile(r"[/\\:*?\"<>|\x00-\x1f]+")
_MAX_SUBJECT = 100


def of(entity: Entity, content: bytes, html: str) -> AttachedFile:
    """The file that a leaf is, `content` being its decoded bytes and `html` the mail's HTML, which may show it."""
    content_id = entity.headers.first("content-id").strip("<> \t")
    inline = entity.disposition == "inline"
    if content_id and not entity.disposition:
        inline = f"cid:{content_id}" in html or _belongs_to_html(entity)
    return AttachedFile(
        filename=name_of(entity) or _usual_name(entity, content),
        content_type=media_type(entity.content_type),
        content=content,
        inline=inline,
        content_id=encoded_words.tidy(content_id)[:500],
    )


def _belongs_to_html(entity: Entity) -> bool:
    """Whether a leaf is an image beside HTML (RFC 2387); other files that stand there were attached."""
    related = entity.parent is not None and entity.parent.content_type == "multipart/related"
    return related and entity.content_type.startswith("image/")


def name_of(entity: Entity) -> str:
    """The name that the sender gave: filename before name (RFC 2183 §2.3), normalised; '' for none."""
    given = entity.disposition_parameters.get("filename") or entity.parameters.get("name") or ""
    return filenames.normalise(given) if given else ""


def media_type(given: str) -> str:
    """`given` where it has the form of a media type (RFC 6838 §4.2), else that of unknown bytes."""
    return given if _MEDIA_TYPE.fullmatch(given) else "application/octet-stream"


def embedded(files: list[uuencode.Embedded]) -> list[AttachedFile]:
    """Files that stood in a text, uuencoded or in yEnc."""
    return [
        AttachedFile(
            filename=filenames.normalise(charset.decode(file.name)),
            content_type="application/octet-stream",
            content=file.content,
        )
        for file in files
    ]


def is_winmail(entity: Entity) -> bool:
    """Whether a leaf claims to be a TNEF stream."""
    return entity.content_type in _TNEF_TYPES or name_of(entity).lower() == "winmail.dat"


def winmail(entity: Entity, content: bytes) -> tnef.Contents | None:
    """What Outlook packed into a winmail.dat; None where the leaf is none or holds nothing that can be read."""
    if not is_winmail(entity):
        return None
    found = tnef.unpack(content)
    return found if found and (found.files or found.text.strip() or found.html.strip()) else None


def unpacked(files: tuple[tnef.File, ...]) -> list[AttachedFile]:
    """The files of a winmail.dat."""
    return [
        AttachedFile(
            filename=filenames.normalise(file.filename),
            content_type=media_type(file.content_type),
            content=file.content,
            inline=bool(file.content_id),
            content_id=file.content_id,
        )
        for file in files
    ]


def _usual_name(entity: Entity, content: bytes) -> str:
    kind = entity.content_type
    if kind in ("message/rfc822", "message/global"):
        block = headers.read(content, headers.skip_preamble(content), min(len(content), headers.MAX_BLOCK))
        subject = encoded_words.decode(block.headers.first("subject"))[:_MAX_SUBJECT]
        return (filenames.normalise(_NO_NAME_CHARACTERS.sub(" ", subject)) or "message") + ".eml"
    if kind.startswith("multipart/"):
        return "message.eml"
    location = entity.headers.first("content-location")
    return _USUAL_NAMES.get(kind) or (filenames.normalise(location) if location and "://" not in location else "")
