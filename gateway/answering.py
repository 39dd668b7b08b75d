"""Answering a ticket from the command line: words and files in, one queued answer out.

May fail: `NoAnswer` where nobody can be answered, `OSError` for a file that cannot be read. The workers send it within
seconds: they look at the outbox, bell or no bell.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from channels import load
from channels.sealing import Sealing
from config.settings import Settings
from models.answer import Answer, NoAnswer, Posted, post
from models.envelope import AttachedFile


async def answer(
    connection: AsyncConnection, settings: Settings, number: int, words: str, attach: Sequence[Path]
) -> Posted:
    """Queue `words` and the files as an answer to ticket `number`."""
    if not words.strip():
        raise NoAnswer("there are no words to send: write them to stdin")
    said = Answer(ticket=number, author="agent:command", text=words, files=tuple(map(_file, attach)))
    return await post(connection, said, seals=Sealing(settings, load(settings)), trace_id=secrets.token_hex(16))


def _file(path: Path) -> AttachedFile:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return AttachedFile(filename=path.name, content_type=kind, content=path.read_bytes())
