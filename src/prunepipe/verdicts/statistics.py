"""Plain t intervals and tests of paired differences, of one look at one comparison."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from prunepipe.errors import ConfigError
from prunepipe.results.table import NO_SPREAD

Floats = npt.NDArray[np.float64]

EFFECT_COLUMNS = (
    "effect",
    "standard_deviation",
    "seeds",
    "interval_low",
    "interval_high",
    "p_worse",
    "p_better",
    "p_equivalent",
)


def paired_effects(differences: npt.ArrayLike, *, margin: float, significance: float = 0.05) -> pd.DataFrame:
    """Test, for many comparisons at once, whether the mean of paired differences is harm, gain or neither.

    All decisions are one-sided at `significance`, so the interval that agrees with them has level
    1 - 2 significance: below 0 = worse, above 0 = better, within +-margin = equivalent (two one-sided tests).

    Where the t test is not defined:
    - fewer than two pairs: no interval and no p-value (NaN), because the spread between seeds is unknown;
    - all n differences the same: the exact sign test, p = 2^-n for the side that all of them lie on. Equal
      differences come from a coarse accuracy (few test images), so they must not count as infinite precision.

    Args:
        differences: [seeds, comparisons] or [seeds], in points; NaN where a pair does not exist.
        margin: largest difference that counts as none, in points, > 0.
        significance: one-sided error rate of each test, between 0 and 0.5.
    Returns:
        One row per comparison with EFFECT_COLUMNS: mean and sample standard deviation in points, number of
        pairs, the interval, and the p-values of "mean < 0", "mean > 0" and "|mean| < margin".
    Raises:
        ConfigError: the margin or the significance is out of bounds.
    Source: Schuirmann, "A comparison of the two one-sided tests procedure", J. Pharmacokin. Biopharm. 1987.
    """
    require_levels(margin, significance)
    table = np.asarray(differences, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table  # [seeds, comparisons]
    pairs = np.isfinite(table).sum(axis=0)  # [comparisons]
    packed = np.sort(
        np.where(np.isfinite(table), table, np.nan), axis=0
    )  # NaN last: the first n rows are the pairs
    effects = np.full((table.shape[1], len(EFFECT_COLUMNS)), np.nan)
    for count in np.unique(pairs[pairs > 0]):
        chosen = pairs == count
        effects[chosen] = _equally_many(packed[:count, chosen], margin, significance)
    frame = pd.DataFrame(effects, columns=list(EFFECT_COLUMNS))
    return frame.assign(seeds=pairs)


def require_levels(margin: float, significance: float) -> None:
    """Refuse a margin or a significance that makes no test.

    Raises:
        ConfigError: margin is not a positive number, or significance not between 0 and 0.5.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ConfigError(
            f"margin: {margin} is not above 0; give the points of accuracy that count as no difference."
        )
    if not 0 < significance < 0.5:
        raise ConfigError(f"significance: {significance} is not between 0 and 0.5; the usual choice is 0.05.")


def _equally_many(pairs: Floats, margin: float, significance: float) -> Floats:
    """Effects of comparisons [seeds, comparisons] that have the same number of pairs, none of them NaN."""
    count = len(pairs)
    mean = pairs.mean(axis=0)
    rows = np.full((pairs.shape[1], len(EFFECT_COLUMNS)), np.nan)
    rows[:, 0], rows[:, 2] = mean, count
    if count == 1:
        return rows
    spread = pairs.std(axis=0, ddof=1)
    rows[:, 1] = spread
    constant = spread <= NO_SPREAD
    rows[constant, 5:] = _sign_tests(mean[constant], count, margin)
    rows[~constant, 3:] = _t_tests(pairs[:, ~constant], margin, significance)
    return rows


def _t_tests(pairs: Floats, margin: float, significance: float) -> Floats:
    """Interval, p_worse, p_better and p_equivalent [comparisons, 5] by t tests."""
    if pairs.shape[1] == 0:
        return np.empty((0, 5))
    worse = stats.ttest_1samp(pairs, 0.0, axis=0, alternative="less")
    interval = stats.ttest_1samp(pairs, 0.0, axis=0).confidence_interval(1 - 2 * significance)
    above = stats.ttest_1samp(pairs, -margin, axis=0, alternative="greater").pvalue
    below = stats.ttest_1samp(pairs, margin, axis=0, alternative="less").pvalue
    equivalent = np.maximum(above, below)
    return np.column_stack([interval.low, interval.high, worse.pvalue, 1 - worse.pvalue, equivalent])


def _sign_tests(value: Floats, count: int, margin: float) -> Floats:
    """p_worse, p_better and p_equivalent [comparisons, 3] of `count` differences that are all `value`."""
    one_sided = 0.5**count
    sides = [value < -NO_SPREAD, value > NO_SPREAD, np.abs(value) < margin - NO_SPREAD]
    return np.column_stack([np.where(side, one_sided, 1.0) for side in sides])
