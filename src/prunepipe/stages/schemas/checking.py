"""Settings of the stage that applies a check."""

from __future__ import annotations

from pydantic import Field

from prunepipe.validation import Strict


class CheckSettings(Strict):
    """Settings of `check`: how it changes the mask or the start weights."""

    check: str = Field(description="the check's name; with the seed it decides the random numbers")
    mask_check: str | None = Field(None, description="module:function applied to the mask")
    weights_check: str | None = Field(None, description="module:function applied to the start weights")
    seed: int = Field(ge=0, description="of the run")
