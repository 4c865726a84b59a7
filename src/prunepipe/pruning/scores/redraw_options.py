"""The `redraw_linear` option of scores; in its own module, so that checking a study needs no torch."""

from __future__ import annotations

from pydantic import Field

from prunepipe.pruning.scores.arithmetic_options import ArithmeticOptions


class RedrawOptions(ArithmeticOptions):
    """Whether Linear weights are redrawn before scoring."""

    redraw_linear: bool = Field(
        False, description="score with redrawn Linear weights, as the reference does by default for GraSP"
    )

    def refusal_of_rounds(self, rounds: int) -> str | None:
        """Return why redrawn Linear weights are incompatible with several rounds."""
        if rounds == 1 or not self.redraw_linear:
            return None
        return "score_options.redraw_linear would bring back pruned weights; set it to false, or leave rounds out"
