"""Plain t intervals of paired differences, of one look alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from prunepipe.verdicts.looks import Floats


def paired_intervals(differences: Floats, significance: float) -> pd.DataFrame:
    """Return the mean of paired differences with its t interval, for many comparisons at once.

    Args:
        differences: [comparisons, seeds] in points; NaN where a pair cannot be compared.
        significance: one-sided; the interval has level 1 - 2 significance.
    Returns:
        One row per comparison: effect, standard_deviation (of the sample), pairs, interval_low and interval_high; NaN
        where there are too few pairs.
    """
    pairs = np.isfinite(differences).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(differences, axis=-1) / pairs
        squares = np.nansum((differences - mean[:, None]) ** 2, axis=-1)
        spread = np.sqrt(squares / np.where(pairs > 1, pairs - 1, np.nan))
        half = stats.t.isf(significance, np.maximum(pairs - 1, 1)) * spread / np.sqrt(pairs)
    return pd.DataFrame(
        {
            "effect": mean,
            "standard_deviation": spread,
            "pairs": pairs,
            "interval_low": mean - half,
            "interval_high": mean + half,
        }
    )
