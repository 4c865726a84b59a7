"""Runs that fail: far below their peers. They are counted beside the test of means, and decide nothing."""

from __future__ import annotations

import numpy as np
from scipy import stats

from prunepipe.verdicts.skewed_t import Floats

FAILURE = 10.0
"""A run fails if it lies this many margins below what most runs of its place reach."""


def failures(accuracy: Floats, reference: Floats, margin: float) -> tuple[int, int, float]:
    """Count the runs that fail with the check and without, and test whether it is more with it.

    Args:
        accuracy: [pairs] with the check, in percent.
        reference: [pairs] without it.
        margin: in points.
    Returns:
        (failed with the check, failed without, p-value of the exact paired test).
    """
    if not len(accuracy):
        return 0, 0, 1.0
    # The upper quartile of both sides together: the same whichever run of a pair had the check.
    limit = np.quantile(np.concatenate([accuracy, reference]), 0.75) - FAILURE * margin
    with_check, without = accuracy < limit, reference < limit
    more, fewer = int((with_check & ~without).sum()), int((without & ~with_check).sum())
    p_value = float(stats.binom.sf(more - 1, more + fewer, 0.5))
    return int(with_check.sum()), int(without.sum()), p_value


def unseen_rate(pairs: int) -> float:
    """Return the rate of failing runs that `pairs` runs without a failure cannot exclude (95 % confidence)."""
    return float(1 - 0.05 ** (1 / pairs)) if pairs else 1.0
