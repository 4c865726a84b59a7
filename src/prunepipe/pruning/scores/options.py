"""Options of the built-in scores, in a module without torch, so that a study is checked without it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.options import Options


class ArithmeticOptions(Options):
    """The floating type that a score is computed in."""

    dtype: Literal["float64", "float32"] = Field("float64", description="of all arithmetic")


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


class GraspOptions(RedrawOptions):
    """Options of GraSP."""

    temperature: float = Field(200.0, gt=0, description="logits are divided by it")
    halves: Literal["first_last", "interleaved"] = Field(
        "first_last", description="how a batch is split: as in the reference, or by every second image"
    )


class ObdOptions(ArithmeticOptions):
    """Options of OBD."""

    curvature: Literal["gauss_newton", "sampled_fisher", "empirical_fisher"] | None = Field(
        None, description="null: gauss_newton up to 20 classes, sampled_fisher beyond"
    )
    draws: int = Field(20, ge=1, description="labels that sampled_fisher draws per image")


class FromFileOptions(Options):
    """Options of `from_file`."""

    file: str = Field(
        min_length=1, description="a file of masks or pruned weights, as `prunepipe audit` reads it"
    )
    content: str = Field("", description="checksum of the file, which the workflow fills in")
