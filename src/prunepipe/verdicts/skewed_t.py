"""The t test made safe against skew: p-values that hold under normal and under exponential noise."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import integrate, special, stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_PAIRS = 3
"""With fewer pairs there is no test."""


def tail_probability(t: npt.ArrayLike, pairs: npt.ArrayLike) -> Floats:
    """Return how likely a t statistic of t or more is at most, if the true mean is 0.

    The noise may be normal, or exponential with its tail on the side away from t, which is where the t test errs:
    most samples miss the tail, lie on the other side of the mean, and have too small a spread. The law of the
    statistic depends on no unknown scale, so that one table serves every spread.

    Args:
        t: [...] one-sample t statistics, large = evidence.
        pairs: [...] sample size of each.
    Returns:
        p-values [...]; 1 where there are fewer than FEWEST_PAIRS pairs.
    Source: benchmarks/tabulate_boundaries.py; beyond the table, the t test's p-value times `inflation`.
    """
    t, pairs = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(pairs, np.int64))
    p = np.ones(t.shape)
    for size in np.unique(pairs[pairs >= FEWEST_PAIRS]).tolist():
        chosen = pairs == size
        p[chosen] = _of_size(t[chosen], size)
    return p


def _of_size(t: Floats, size: int) -> Floats:
    log_levels, critical = _table(size)
    p = np.exp(np.interp(t, critical, log_levels))
    beyond = t > critical[-1]
    p[beyond] = np.minimum(np.exp(log_levels[-1]), inflation(size) * stats.t.sf(t[beyond], size - 1))
    p[t < critical[0]] = 1.0
    return p


def critical_value(level: npt.ArrayLike, pairs: npt.ArrayLike) -> Floats:
    """Return the t that `tail_probability` gives a level, its inverse; infinite where no t reaches the level.

    Args:
        level: [...] p-values, above 0.
        pairs: [...] sample sizes.
    """
    level, pairs = np.broadcast_arrays(np.asarray(level, np.float64), np.asarray(pairs, np.int64))
    t = np.full(level.shape, np.inf)
    for size in np.unique(pairs[pairs >= FEWEST_PAIRS]).tolist():
        chosen = (pairs == size) & (level > 0)
        log_levels, critical = _table(size)
        found = np.interp(-np.log(level[chosen]), -log_levels, critical)
        beyond = np.log(level[chosen]) < log_levels[-1]
        found[beyond] = np.maximum(
            critical[-1], stats.t.isf(level[chosen][beyond] / inflation(size), size - 1)
        )
        t[chosen] = found
    return t


@cache
def inflation(pairs: int) -> float:
    """Return by what the t test's p-value is too small under exponential noise, in the limit of small p-values.

    A huge t needs `pairs` values that are nearly equal and of the right sign; this is the ratio of the two
    densities of that.
    """
    exponential, _ = integrate.quad(lambda x: np.exp(-pairs * x) * (1 - x) ** (pairs - 1), 0, 1)
    half = pairs / 2
    log_normal = half * np.log(2 / pairs) + special.gammaln(half) - half * np.log(2 * np.pi) - np.log(2)
    return float(np.exp(np.log(exponential) - log_normal))


@cache
def _table(pairs: int) -> tuple[Floats, Floats]:
    """Log levels and critical t of the largest tabulated size up to `pairs`, both in the order of ascending t."""
    with (resources.files("prunepipe") / "data" / "skewed_t.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    own = table[table["pairs"] == table.loc[table["pairs"] <= pairs, "pairs"].max()]
    own = own.sort_values("t")
    return np.log(own["level"].to_numpy(np.float64)), own["t"].to_numpy(np.float64)
