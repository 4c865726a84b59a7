"""How skewed the differences of a study are: what its t tests must allow for."""

from __future__ import annotations

from functools import cache

import numpy as np

from prunepipe.verdicts.looks import Bools, Floats, Sample, packaged_table

FEWEST_FOR_SQUARES = 5
"""With fewer pairs, squared skewness does not distinguish an exponential from a normal distribution."""


def skewed_share(found: Sample, counts: Bools) -> Floats:
    """Estimate, at every look, the share of a study's comparisons that are exponentially, not normally distributed.

    The skewness of one sample tells little; that of all samples of a study tells a lot. The estimate is the larger of
    two: from the mean skewness, and from its mean square, which also detects opposite skewness and heavy tails.
    It counts one more comparison, an exponential one, so a study of few comparisons is taken to be skewed.

    Args:
        found: [..., comparisons, prune ratios, looks].
        counts: the same shape; which samples count.
    Returns:
        [..., 1, 1, looks] between 0 and 1.
    """
    table = _table()
    rows = np.maximum(np.searchsorted(table["pairs"], found.pairs, side="right") - 1, 0)
    counts = counts & np.isfinite(found.skewness)
    skewness = np.where(counts, found.skewness, 0.0)

    def total(values: Floats, used: Bools) -> Floats:
        return np.asarray(np.where(used, values, 0.0).sum(axis=(-3, -2), keepdims=True), np.float64)

    enough = counts & (found.pairs >= FEWEST_FOR_SQUARES)
    normal = table["normal_square"][rows]
    linear = np.abs(total(skewness, counts)) / np.maximum(total(table["mean"][rows], counts), 1e-9)
    square = total(skewness**2 - normal, enough) / np.maximum(
        total(table["square"][rows] - normal, enough), 1e-9
    )
    share = np.clip(np.maximum(linear, square), 0.0, 1.0)
    comparisons = counts.any(axis=-2, keepdims=True).sum(axis=-3, keepdims=True)
    return np.asarray((1 + comparisons * share) / (1 + comparisons), np.float64)


@cache
def _table() -> dict[str, Floats]:
    """Columns of the table that `benchmarks/tabulate_tails.py` makes."""
    table = packaged_table("skewness.csv")
    return {str(name): column.to_numpy(np.float64) for name, column in table.items()}
