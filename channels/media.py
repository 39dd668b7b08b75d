"""Files of WhatsApp and MMS: how large they may be, and whether what came is what was announced. Pure."""

from __future__ import annotations

import hashlib

from channels import Refused, Unavailable
from channels.clean_text import filename
from channels.download import Downloaded
from models.envelope import AttachedFile, PendingFile

MEBIBYTE = 2**20
LARGEST = {"image": 5, "sticker": 1, "audio": 16, "video": 16}
"""MiB by kind, as WhatsApp allows; all others are documents, which may have 100."""
LARGEST_DOCUMENT = 100
OPAQUE = "application/octet-stream"
_ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4",
    "video/3gpp": "3gp", "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/amr": "amr", "audio/aac": "aac",
    "audio/mp4": "m4a", "audio/wav": "wav", "audio/x-wav": "wav", "application/pdf": "pdf", "text/plain": "txt",
    "text/vcard": "vcf", "text/x-vcard": "vcf",
}  # fmt: skip


def most_bytes(content_type: str) -> int:
    """The largest file of this type that is taken."""
    return LARGEST.get(content_type.partition("/")[0], LARGEST_DOCUMENT) * MEBIBYTE


def refuse_too_large(files: tuple[AttachedFile, ...], most: int = 0) -> None:
    """Say so before anything is uploaded. `most` bytes in all is the channel's own limit. Raises `Refused`."""
    for file in files:
        limit = min(most or 2**40, most_bytes(file.content_type))
        if len(file.content) > limit:
            name = file.filename or file.content_type
            raise Refused(f"{name} has {len(file.content)} bytes; this channel takes at most {limit}")


def attached(file: PendingFile, came: Downloaded) -> AttachedFile:
    """What came, as a file of the ticket. Raises `Unavailable` where it is not the file that was announced."""
    digest = hashlib.sha256(came.content).hexdigest()
    if not came.content:
        raise Unavailable("the file came empty")
    if file.sha256 and digest != file.sha256:
        raise Unavailable("the file that came is not the one that was announced (SHA-256)")
    declared, served = file.content_type, came.content_type.lower()
    kind = declared or served or OPAQUE
    if declared and served not in ("", OPAQUE) and declared.partition("/")[0] != served.partition("/")[0]:
        kind = OPAQUE  # an image that is a page of HTML is shown to nobody as either
    name = filename(file.filename) or _named(kind, digest)
    return AttachedFile(filename=name, content_type=kind, content=came.content)


def _named(content_type: str, digest: str) -> str:
    ending = _ENDINGS.get(content_type, "bin")
    return f"{content_type.partition('/')[0]}-{digest[:8]}.{ending}"
