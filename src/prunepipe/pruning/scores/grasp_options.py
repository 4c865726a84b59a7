"""Options of GraSP; in their own module, so that checking a study needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.scores.redraw_options import RedrawOptions


class GraspOptions(RedrawOptions):
    """Options of GraSP."""

    temperature: float = Field(200.0, gt=0, description="logits are divided by it")
    halves: Literal["first_last", "interleaved"] = Field(
        "first_last", description="how a batch is split: as in the reference, or by every second image"
    )
