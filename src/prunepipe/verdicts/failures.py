"""Count runs that fail, far below their peers; they decide no verdict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from prunepipe.verdicts.evidence import exact_paired_test
from prunepipe.verdicts.looks import Floats, Ints

FAILURE = 10.0
"""A run fails if it lies this many margins below what most runs of its place reach."""


class Failures(NamedTuple):
    """Counts of failed runs [places], and the p-value of the exact paired test of "no more with the check"."""

    checked: Ints
    reference: Ints
    p_value: Floats


def failures(accuracy: Floats, reference: Floats, margin: float) -> Failures:
    """Count the runs that fail with the check and without, and test whether it is more with it.

    Args:
        accuracy: [places, seeds] with the check, in percent; NaN where a pair cannot be compared.
        reference: [places, seeds] without it.
        margin: in points.
    """
    both = np.concatenate([accuracy, reference], axis=1)
    both[np.isnan(both).all(axis=1)] = 0.0
    # The upper quartile of both sides together: the same whichever run of a pair had the check.
    limit = np.nanquantile(both, 0.75, axis=1, keepdims=True) - FAILURE * margin
    failed, failed_reference = accuracy < limit, reference < limit
    p_value = exact_paired_test(failed, failed_reference, [accuracy.shape[1]])[:, 0]
    return Failures(failed.sum(axis=1), failed_reference.sum(axis=1), p_value)


def unseen_rate(pairs: int) -> float:
    """Return the rate of failing runs that `pairs` runs without a failure cannot exclude (95 % confidence)."""
    return float(1 - 0.05 ** (1 / pairs)) if pairs else 1.0
