"""How many weights a moving mask keeps at each update, and when it stops changing, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import floor
from typing import Literal

from prunepipe.pruning.masks import exact

DensitySchedule = Literal["constant", "cubic"]
"""The names of the schedules, for typed settings; a new one is one function and one row of DENSITIES."""


def constant(size: int, kept: int, progress: Fraction) -> int:
    """Return the number of weights to keep: the same at every update; arguments as for `cubic`."""
    return kept


def cubic(size: int, kept: int, progress: Fraction) -> int:
    """Return the number of weights to keep: from all, fast at first and slowly towards the end, down to `kept`.

    Args:
        size: number of prunable weights N.
        kept: number of weights to keep in the end.
        progress: share of the updates made, from 0 to 1.
    Source: Zhu, Gupta, "To prune, or not to prune", 2017, eq. 1, from sparsity 0 at the start of training.
    """
    return floor(kept + (size - kept) * (1 - progress) ** 3)


DENSITIES: Mapping[DensitySchedule, Callable[[int, int, Fraction], int]] = {
    "constant": constant,
    "cubic": cubic,
}
"""The schedules of the density."""


def update_steps(until: float, training_steps: int) -> int:
    """Return the training step after which a mask no longer changes.

    Args:
        until: share of the training steps, read as an exact decimal.
        training_steps: of the run.
    """
    return floor(exact(until) * training_steps)
