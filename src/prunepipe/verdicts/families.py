"""Adjust p-values for the number of tests, so that the rate of any error in a study is bounded."""

from __future__ import annotations

import numpy as np

from prunepipe.verdicts.looks import Floats


def holm(p_values: Floats) -> Floats:
    """Adjust the p-values of a family, so that tests at level a make any false claim in it at a rate of at most a.

    Args:
        p_values: [..., tests].
    Returns:
        Adjusted p-values [..., tests].
    Source: Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 1979.
    """
    # statsmodels' multipletests takes one family per call; a test compares the results.
    order = np.argsort(p_values, axis=-1)
    steps = np.take_along_axis(p_values, order, axis=-1) * np.arange(p_values.shape[-1], 0, -1)
    adjusted = np.empty_like(steps)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), axis=-1)
    return adjusted


def in_sequence(p_values: Floats) -> Floats:
    """Adjust p-values that are tested in order within a comparison, with Holm's correction over the comparisons.

    A comparison starts with its share of the level and tests one prune ratio after the other, all at that level, until
    one is not shown; the level of a comparison that shows all of its prune ratios passes to the others.

    Args:
        p_values: [..., comparisons, prune ratios].
    Returns:
        Adjusted p-values of the same shape, never falling within a comparison.
    Source: a graphical procedure of Bretz, Maurer, Brannath, Posch, Statistics in Medicine 2009.
    """
    so_far = np.maximum.accumulate(p_values, axis=-1)
    whole = np.sort(so_far[..., -1], axis=-1)  # [..., comparisons]
    count = whole.shape[-1]
    freed = np.minimum(np.maximum.accumulate(whole * np.arange(count, 0, -1), axis=-1), 1.0)
    adjusted = np.minimum(so_far * count, 1.0)
    for done in range(1, count):  # at level freed[done - 1], `done` comparisons have shown all
        step = np.maximum(freed[..., done - 1, None, None], so_far * (count - done))
        if not (step < adjusted).any() and (freed[..., done - 1] >= 1.0).all():
            break
        adjusted = np.minimum(adjusted, step)
    return np.asarray(adjusted)
