"""Options of GraSP; in their own module, so that checking a study needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.scores.arithmetic_options import ArithmeticOptions


class GraspOptions(ArithmeticOptions):
    """Options of GraSP."""

    temperature: float = Field(200.0, gt=0, description="logits are divided by it")
    halves: Literal["first_last", "interleaved"] = Field(
        "first_last", description="how a batch is split: as in the reference, or by every second image"
    )
    redraw_linear: bool = Field(
        False, description="score with redrawn Linear weights, as the reference does by default"
    )

    def refusal_of_rounds(self, rounds: int) -> str | None:
        """Return why redrawn Linear weights are incompatible with several rounds."""
        if rounds == 1 or not self.redraw_linear:
            return None
        return "score_options.redraw_linear would bring back pruned weights; set it to false, or leave rounds out"
