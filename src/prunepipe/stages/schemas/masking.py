"""Settings of the stage that turns scores into a mask."""

from __future__ import annotations

from pydantic import Field, JsonValue

from prunepipe.validation import Strict


class MaskSettings(Strict):
    """Settings of `mask`."""

    allocation: str = Field(description="module:function of the allocation")
    allocation_options: dict[str, JsonValue] = Field({}, description="its keyword arguments")
    constructive: bool = Field(False, description="whether the score returns the mask itself")
    prune_ratio: float = Field(gt=0, lt=1, description="share of the prunable weights to remove")
    score_check: str | None = Field(None, description="module:function applied to the scores first")
