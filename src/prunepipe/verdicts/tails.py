"""The p-value of a t statistic, for data that may be skewed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from prunepipe.verdicts.looks import Floats, Ints, packaged_table

FAILING = 0.1
"""Rate of failing runs that must not look like an effect, whatever the number of seeds."""


def least_tail(pairs: npt.ArrayLike) -> Floats:
    """Return the smallest p-value that this many pairs can have [...]: the chance that all of them fail.

    Differences that are all large and nearly equal have a huge t, with p-values that so small a sample cannot justify.
    """
    return np.asarray(FAILING ** np.asarray(pairs, np.float64), np.float64)


def own_tail(statistic: npt.ArrayLike, pairs: npt.ArrayLike, skewed: npt.ArrayLike) -> Floats:
    """Return the p-value of a one-sided t test in a study of which a share of the comparisons is skewed.

    It lies between the p-value of the t test and that of `skewed_tail`.

    Args:
        statistic: [...] t; NaN gives 1.
        pairs: [...] numbers of values; below 3 gives 1.
        skewed: [...] the share, see `prunepipe.verdicts.skewness`.
    """
    worst, share = skewed_tail(statistic, pairs), np.asarray(skewed, np.float64)
    plain = stats.t.sf(statistic, np.maximum(np.asarray(pairs) - 1, 1))
    return np.asarray(share * worst + (1 - share) * np.fmin(plain, worst), np.float64)


def own_statistic(level: Floats, pairs: Ints, skewed: Floats) -> Floats:
    """Return the t at which `own_tail` falls to a level, its inverse [tests]; infinite at level 0."""
    return falls_to(level, lambda log_t: own_tail(np.exp(log_t), pairs, skewed), (np.log(0.1), np.log(1e6)))


def falls_to(level: Floats, tail: Callable[[Floats], Floats], logs: tuple[float, float]) -> Floats:
    """Return where a falling function of a log reaches a level, between two logs; infinite where it does not."""
    low, high = (np.full(level.shape, end) for end in logs)
    never = ~(tail(high) <= level)
    for _ in range(50):
        middle = (low + high) / 2
        above = tail(middle) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(never, np.inf, np.exp(high))


def skewed_tail(statistic: npt.ArrayLike, pairs: npt.ArrayLike) -> Floats:
    """Return the p-value of a one-sided t test that holds for normal and for exponential differences.

    It is the chance that values E - 1, E exponential with mean 1, have a t statistic below -t. This is the worst case
    of both distributions and both directions of the tail: a small sample often misses the tail, so its spread is small.

    Args:
        statistic: [...] t; NaN gives 1.
        pairs: [...] numbers of values; below 3 gives 1. Numbers that are not tabulated take the next lower one.
    """
    statistic, pairs = np.broadcast_arrays(np.asarray(statistic, np.float64), np.asarray(pairs))
    found = np.ones(statistic.shape)
    listed, log_t, log_p = _table()
    rows = np.searchsorted(listed, pairs, side="right") - 1
    usable = (rows >= 0) & (statistic >= np.exp(log_t[0]))
    for row in np.unique(rows[usable]).tolist():
        own = usable & (rows == row)
        logs = np.log(statistic[own])
        # Beyond the table, p falls as t to the power -(n - 1), for this distribution and for the normal one.
        beyond = np.maximum(logs - log_t[-1], 0.0) * (listed[row] - 1)
        found[own] = np.exp(np.interp(logs, log_t, log_p[row]) - beyond)
    return found


@cache
def _table() -> tuple[Ints, Floats, Floats]:
    """Numbers of pairs, logs of statistics, and logs of p-values [numbers of pairs, statistics]."""
    table = packaged_table("tails.csv").set_index("statistic")
    listed = np.array([int(str(name).removeprefix("of_")) for name in table])
    return listed, np.log(table.index.to_numpy(np.float64)), np.log(table.to_numpy(np.float64).T)
