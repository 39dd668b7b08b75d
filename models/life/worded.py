"""A refusal in the words of whoever asked. Its own sentence is English; the others stand in `config/templates/life`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import config
from models.life.refusals import Refusal


def worded(refusal: Refusal, language: str) -> str:
    """Why, in `language`; in English where that language lacks a sentence."""
    return str(_texts().get(language, {}).get(refusal.code, refusal.reason))


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads((Path(config.__file__).parent / "templates" / "life" / "texts.toml").read_text("utf-8"))
