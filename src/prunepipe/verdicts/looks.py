"""Looking more than once: p-values that stay valid whenever the user stops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from prunepipe.results.table import NO_SPREAD
from prunepipe.study.rows import USUAL_LOOKS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Sample(NamedTuple):
    """The differences seen at every look, summarised for every test."""

    pairs: Ints
    """[..., looks] pairs that can be compared."""
    mean: Floats
    """[..., looks] mean difference in points; NaN without pairs."""
    spread: Floats
    """[..., looks] standard deviation in points; NaN with fewer than two pairs."""
    skewness: Floats
    """[..., looks] third standardised moment; NaN with fewer than three pairs, or where all are equal."""


def sample(differences: Floats, looks: Sequence[int]) -> Sample:
    """Return mean, spread and skewness of the first seeds, at every look.

    Args:
        differences: [..., seeds] in the order of the study's seeds; NaN where no comparison is possible.
        looks: numbers of seeds, ascending, at most the number of seeds.
    """
    numbers, known = np.asarray(looks) - 1, np.isfinite(differences)
    # Subtracting a common centre first avoids cancellation in the powers.
    counted = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    centre = np.where(known, differences, 0.0).sum(axis=-1, keepdims=True) / counted
    shifted = np.where(known, differences - centre, 0.0)
    pairs = known.cumsum(axis=-1)[..., numbers]
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second, third = ((shifted**k).cumsum(axis=-1)[..., numbers] / pairs for k in (1, 2, 3))
        variance = np.maximum(second - first**2, 0.0)
        spread = np.sqrt(np.where(pairs >= 2, variance * pairs / (pairs - 1), np.nan))
        moment = third - 3 * first * second + 2 * first**3
        usable = (pairs >= 3) & (variance > NO_SPREAD**2)
        skewness = np.where(usable, moment / variance**1.5, np.nan)
    return Sample(pairs, first + centre, spread, skewness)


def sequential(p_values: Floats, looks: Sequence[int], complete: Bools) -> Floats:
    """Return p-values that stay valid for any reason to stop at a look.

    Every look may spend the same share of the level. Studies that err at one look tend to have erred before; at the
    usual looks, the boundary therefore counts only those that did not. The joint distribution of nested t statistics
    does not depend on the unknown spread, so one table serves all studies. Other looks spend a full share each.

    Args:
        p_values: [..., looks] of single looks; 1 where a look is not reached.
        looks: numbers of seeds.
        complete: [..., looks] whether every pair up to this look can be compared.
    Returns:
        [..., looks], never rising.
    """
    levels = np.minimum(p_values * len(looks), 1.0)
    if tuple(looks) == USUAL_LOOKS:
        for look, (log_levels, log_boundaries) in enumerate(_boundaries()):
            logs = np.log(np.maximum(p_values[..., look], 1e-300))
            spent = np.exp(np.interp(logs, log_boundaries, log_levels))
            tabulated = (logs >= log_boundaries[0]) & (logs <= log_boundaries[-1])
            usable = complete[..., look] & tabulated
            levels[..., look] = np.where(usable, np.minimum(spent, levels[..., look]), levels[..., look])
    return np.minimum.accumulate(levels, axis=-1)


def level_of_look(level: npt.ArrayLike, look: int, looks: Sequence[int], complete: npt.ArrayLike) -> Floats:
    """Return the p-value that a look must reach for `sequential` to reach a level, its inverse.

    Args:
        level: [...].
        look: position of the look.
        looks: numbers of seeds.
        complete: [...] whether every pair up to this look can be compared.
    """
    level = np.asarray(level, np.float64)
    share = level / len(looks)
    if tuple(looks) != USUAL_LOOKS:
        return share
    log_levels, log_boundaries = _boundaries()[look]
    logs = np.log(np.maximum(level, 1e-300))
    usable = np.asarray(complete) & (logs >= log_levels[0]) & (logs <= log_levels[-1])
    boundary = np.exp(np.interp(logs, log_levels, log_boundaries))
    return np.where(usable, np.maximum(boundary, share), share)


def packaged_table(name: str) -> pd.DataFrame:
    """Return a table that ships with the package."""
    with (resources.files("prunepipe") / "data" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


@cache
def _boundaries() -> list[tuple[Floats, Floats]]:
    """Of every usual look: logs of levels, and of the boundaries of its p-value that spend its share of them."""
    table = np.log(packaged_table("looks.csv").to_numpy(np.float64))
    return [(table[:, 0], table[:, 1 + look]) for look in range(len(USUAL_LOOKS))]
