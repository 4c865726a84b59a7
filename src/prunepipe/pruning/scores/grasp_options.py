"""Options of GraSP; apart from the score, so that a study is checked without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.scores.arithmetic_options import ArithmeticOptions


class GraspOptions(ArithmeticOptions):
    """Options of GraSP."""

    temperature: float = Field(200.0, gt=0, description="logits are divided by it")
    halves: Literal["first_last", "interleaved"] = Field(
        "first_last", description="how a batch is split: as the reference does, or every second image"
    )
    redraw_linear: bool = Field(
        False, description="score with Linear weights drawn anew, as the reference does by default"
    )

    def refusal_of_rounds(self, rounds: int) -> str | None:
        """Return why Linear weights that are drawn anew do not go with several rounds."""
        if rounds == 1 or not self.redraw_linear:
            return None
        return "score_options.redraw_linear would bring back pruned weights; set it to false, or leave rounds out"
