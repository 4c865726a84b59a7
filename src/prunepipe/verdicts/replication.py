"""Does a study replicate published numbers? An equivalence test with the spread of both sides."""

from __future__ import annotations

from math import isnan, sqrt
from typing import NamedTuple

from scipy.special import stdtr  # scipy.stats takes a second to import

from prunepipe.results.table import NO_SPREAD

REPLICATED, DIFFERENT, UNDECIDED = "replicated", "different", "undecided"

FEWEST_RUNS = 2
"""Number of runs assumed for a published spread if it is not known: the fewest that have a spread."""


class CellSample(NamedTuple):
    """Runs of one cell: mean and sample standard deviation of their accuracies in percent, and their number."""

    mean: float
    std: float
    n: float


def replication(ours: CellSample, theirs: CellSample, margin: float, significance: float) -> str:
    """Compare a cell with its published numbers by Welch's tests against an equivalence margin.

    Args:
        ours: of the study.
        theirs: as published; n NaN if not known, which counts as FEWEST_RUNS.
        margin: largest difference that counts as none, in points.
        significance: error rate of each of the two claims.
    Returns:
        "replicated" if the difference is shown to be smaller than the margin, "different" if it is shown to be larger,
        "undecided" otherwise; empty without two means. One run, or a missing spread, decides nothing. Where no side
        varies at all, as for collapsed networks, the means themselves are compared.
    Source: Welch, Biometrika 1947, for the standard error and its degrees of freedom; Schuirmann, J. Pharmacokin.
        Biopharm. 1987, for the two one-sided tests.
    """
    difference = ours.mean - theirs.mean
    if isnan(difference):
        return ""
    runs = FEWEST_RUNS if isnan(theirs.n) else theirs.n
    if ours.n < 2 or runs < 2 or isnan(ours.std) or isnan(theirs.std):
        return UNDECIDED
    if max(ours.std, theirs.std) <= NO_SPREAD:
        return REPLICATED if abs(difference) < margin else DIFFERENT
    parts = (ours.std**2 / ours.n, theirs.std**2 / runs)
    error = sqrt(sum(parts))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (ours.n - 1) + parts[1] ** 2 / (runs - 1))
    if _tail(freedom, (margin - abs(difference)) / error) <= significance:
        return REPLICATED
    if _tail(freedom, (abs(difference) - margin) / error) <= significance:
        return DIFFERENT
    return UNDECIDED


def _tail(freedom: float, statistic: float) -> float:
    """Return the upper tail of Student's t."""
    return float(stdtr(freedom, -statistic))
