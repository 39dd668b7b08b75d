"""Text of format=flowed (RFC 3676): wrapped lines in, whole paragraphs out."""

from __future__ import annotations


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join the soft-broken lines of `text` (line ends are LF), undo space-stuffing, keep quote depth as '> ' marks.

    `delete_space` is the DelSp parameter (§4.2): the space that marks a soft break is then no part of the text.
    """
    if " \n" not in text and not text.startswith((" ", ">")) and "\n " not in text and "\n>" not in text:
        return text
    done: list[list[str]] = []
    open_depth = -1
    """Quote depth of a line that goes on in the next one, -1 where none does."""
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        signature = words == "-- "
        soft = words.endswith(" ") and not signature
        if depth != open_depth or signature:
            done.append([">" * depth + " "] if depth else [])
        done[-1].append(words[:-1] if soft and delete_space else words)
        open_depth = depth if soft else -1
    return "\n".join(["".join(pieces) for pieces in done])
