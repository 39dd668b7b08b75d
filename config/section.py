"""What every table of the settings is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["fr", "en"]


class Section(BaseModel):
    """A table of the settings: unknown keys are mistakes, and said."""

    model_config = ConfigDict(extra="forbid")
