"""Options of OBD; in their own module, so that checking a study needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.scores.arithmetic_options import ArithmeticOptions


class ObdOptions(ArithmeticOptions):
    """Options of OBD."""

    curvature: Literal["gauss_newton", "sampled_fisher", "empirical_fisher"] | None = Field(
        None, description="null: gauss_newton up to 20 classes, sampled_fisher beyond"
    )
    draws: int = Field(20, ge=1, description="labels that sampled_fisher draws per image")
