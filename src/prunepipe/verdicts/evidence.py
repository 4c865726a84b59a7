"""What the seeds of a study show at every look: sequential p-values of harm, equivalence, gain and collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from prunepipe.verdicts.families import holm, in_sequence
from prunepipe.verdicts.looks import Floats, Sample, sample, sequential

Bools = npt.NDArray[np.bool_]

FEWEST_PAIRS = 3
"""With fewer pairs there is no test."""
FEWEST_FOR_EQUIVALENCE = 5
"""Pairs that `ignores` needs at least, however equal they are."""
CERTAINTY = 0.995
"""How surely the floor lies above the spread of a typical comparison."""
RESERVE = 1.4
"""The least factor between a typical spread and the floor."""
DISTRUST = 3
"""Power by which a spread above the floor is raised: whoever scatters more than is typical may hide a tail."""


class Evidence(NamedTuple):
    """Sequential p-values [..., comparisons, prune ratios, looks], not yet adjusted for their number."""

    sample: Sample
    complete: Bools
    """Whether every pair up to this look can be compared."""
    floor: Floats
    """Spread of a typical comparison at the prune ratio, and a little more; a smaller one does not count."""
    harm: Floats
    equivalence: Floats
    gain: Floats
    collapse: Floats


class Claims(NamedTuple):
    """Adjusted p-values [..., comparisons, prune ratios]: at most the significance means shown."""

    harm: Floats
    equivalence: Floats
    gain: Floats
    collapse: Floats


def evidence(
    differences: Floats,
    *,
    looks: Sequence[int],
    margin: float,
    reached: Bools | None = None,
    least_spread: float | Floats = 0.0,
    collapsed: Bools | None = None,
    collapsed_reference: Bools | None = None,
) -> Evidence:
    """Test every comparison at every prune ratio and look.

    Args:
        differences: [..., comparisons, prune ratios, seeds] check minus none, in points; NaN: no comparison.
        looks: numbers of seeds, ascending, at most the number of seeds.
        margin: in points.
        reached: [..., looks] which looks are reached; default: all.
        least_spread: the step of the accuracy in points, broadcast against [..., looks].
        collapsed: [..., seeds] whether the run under the check collapsed; default: none did.
        collapsed_reference: the same of the run without.
    """
    found = sample(differences, looks)
    complete = found.pairs == np.asarray(looks)
    reached = np.ones(found.pairs.shape, bool) if reached is None else reached
    floor = np.maximum(spread_floor(found, reached), least_spread)
    with np.errstate(invalid="ignore"):
        error = cautious(found.spread, floor) / np.sqrt(found.pairs)
        harm, within = -found.mean / error, (margin - np.abs(found.mean)) / error

    def tail(t: Floats, fewest: int) -> Floats:
        p_values = stats.t.sf(t, np.maximum(found.pairs - 1, 1))
        return np.where(reached & (found.pairs >= fewest) & np.isfinite(t), p_values, 1.0)

    shares = np.minimum(tail(within, FEWEST_FOR_EQUIVALENCE) * equivalence_looks(looks), 1.0)
    collapse = np.ones(found.pairs.shape)
    if collapsed is not None and collapsed_reference is not None:
        collapse = np.where(reached, collapse_test(collapsed, collapsed_reference, looks), 1.0)
    return Evidence(
        found,
        complete,
        floor,
        sequential(tail(harm, FEWEST_PAIRS), looks, complete),
        np.minimum.accumulate(shares, axis=-1),
        sequential(tail(-harm, FEWEST_PAIRS), looks, complete),
        sequential(collapse, looks, np.zeros(complete.shape, bool)),  # the exact test is not the t test
    )


def equivalence_looks(looks: Sequence[int]) -> int:
    """Return how many looks have enough seeds to show equivalence, and share the level for it."""
    return max(sum(look >= FEWEST_FOR_EQUIVALENCE for look in looks), 1)


def cautious(spread: Floats, floor: Floats) -> Floats:
    """Return the spread that tests count with: never below the sample's own, so that no t test errs more often.

    A sample that misses the tail of a skewed law has too small a spread, lies on one side of the mean, and looks
    too sure. The other comparisons know better.

    Args:
        spread: [...] of the samples, in points.
        floor: [...] from `spread_floor`, at least the step of the accuracy.
    """
    floor = np.maximum(floor, 1e-9)
    return np.asarray(floor * np.maximum(spread / floor, 1.0) ** DISTRUST, np.float64)


def spread_floor(found: Sample, reached: Bools) -> Floats:
    """Return the spread of a typical comparison at each prune ratio and look, and some more where few pairs tell.

    Args:
        found: [..., comparisons, prune ratios, looks].
        reached: the same shape; other looks do not count.
    Returns:
        [..., 1, prune ratios, looks] in points: the median spread, times the factor that lies above a true spread with
        CERTAINTY, or RESERVE if that is more.
    """
    counts = reached & (found.pairs >= 2)
    freedom = np.where(counts, found.pairs - 1, 0).sum(axis=-3, keepdims=True)
    empty = ~counts.any(axis=-3, keepdims=True)
    spread = np.where(empty, 0.0, np.where(counts, found.spread, np.nan))
    factor = np.sqrt(freedom / stats.chi2.ppf(1 - CERTAINTY, np.maximum(freedom, 1)))
    return np.asarray(np.nanmedian(spread, axis=-3, keepdims=True) * np.maximum(factor, RESERVE), np.float64)


def collapse_test(collapsed: Bools, collapsed_reference: Bools, looks: Sequence[int]) -> Floats:
    """Return p-values of "the check makes no more networks collapse" at every look, by the exact paired test.

    Args:
        collapsed: [..., seeds] under the check.
        collapsed_reference: [..., seeds] without it.
        looks: numbers of seeds.
    Source: McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; exact.
    """
    numbers = np.asarray(looks) - 1
    more = (collapsed & ~collapsed_reference).cumsum(axis=-1)[..., numbers]
    fewer = (collapsed_reference & ~collapsed).cumsum(axis=-1)[..., numbers]
    return np.asarray(stats.binom.sf(more - 1, more + fewer, 0.5), np.float64)


def claims(found: Evidence, *, look: int = -1, judged: Bools | None = None) -> Claims:
    """Adjust the p-values of a study at a look, so that each kind of error stays below the significance.

    Harm, gain and collapse: Holm's correction over all comparisons and prune ratios. Equivalence: within a comparison
    from the lowest prune ratio up, and Holm's correction over the comparisons.

    Args:
        found: from `evidence`.
        look: position of the look; the last, because p-values never rise.
        judged: [comparisons, prune ratios] which of them exist and are judged; default: all.
    """
    harm = found.harm[..., look]
    judged = np.ones(harm.shape[-2:], bool) if judged is None else judged
    asked = judged.any(axis=-1)

    def over_all(p_values: Floats) -> Floats:
        adjusted = np.ones(p_values.shape)
        adjusted[..., judged] = holm(p_values[..., judged])
        return adjusted

    equivalence = np.ones(harm.shape)
    # What is not judged stands in no way: its p-value is 0 within the sequence.
    steps = np.where(judged, found.equivalence[..., look], 0.0)
    equivalence[..., asked, :] = in_sequence(steps[..., asked, :])
    return Claims(
        over_all(harm),
        np.where(judged, equivalence, 1.0),
        over_all(found.gain[..., look]),
        over_all(found.collapse[..., look]),
    )
