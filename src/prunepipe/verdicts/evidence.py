"""What the seeds of a study show at every look: sequential p-values of harm, equivalence, gain and collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from prunepipe.verdicts.families import holm, in_sequence
from prunepipe.verdicts.looks import Sample, sample, sequential
from prunepipe.verdicts.skewed_t import Floats, tail_probability

Bools = npt.NDArray[np.bool_]

FEWEST_FOR_EQUIVALENCE = 5
"""Pairs that `ignores` needs at least, however equal they are."""
CERTAINTY = 0.995
"""How surely the floor lies above the spread of a typical comparison."""


class Evidence(NamedTuple):
    """Sequential p-values [..., comparisons, prune ratios, looks], not yet adjusted for their number."""

    sample: Sample
    complete: Bools
    """Whether every pair up to this look can be compared."""
    floor: Floats
    """Spread in points below which none counts in the test of equivalence, from all comparisons at the prune ratio."""
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
    below_zero = -found.t(0.0, least_spread)

    def tail(t: Floats) -> Floats:
        return np.where(reached & (found.pairs >= 2), tail_probability(t, found.pairs), 1.0)

    collapse = np.ones(found.pairs.shape)
    if collapsed is not None and collapsed_reference is not None:
        collapse = np.where(reached, collapse_test(collapsed, collapsed_reference, looks), 1.0)
    return Evidence(
        found,
        complete,
        floor,
        sequential(tail(below_zero), looks, complete),
        np.minimum.accumulate(_equivalence(found, floor, reached, looks, margin), axis=-1),
        sequential(tail(-below_zero), looks, complete),
        sequential(collapse, looks, np.zeros(complete.shape, bool)),  # the exact test is not the t test
    )


def equivalence_looks(looks: Sequence[int]) -> int:
    """Return how many looks have enough seeds to show equivalence, and share the level for it."""
    return max(sum(look >= FEWEST_FOR_EQUIVALENCE for look in looks), 1)


def _equivalence(found: Sample, floor: Floats, reached: Bools, looks: Sequence[int], margin: float) -> Floats:
    """Two one-sided t tests at every look, times the number of looks that share the level."""
    smallest = np.minimum(found.t(-margin, floor), -found.t(margin, floor))  # the less sure side
    p_values = stats.t.sf(smallest, np.maximum(found.pairs - 1, 1))
    possible = reached & (found.pairs >= FEWEST_FOR_EQUIVALENCE)
    return np.where(possible, np.minimum(p_values * equivalence_looks(looks), 1.0), 1.0)


def spread_floor(found: Sample, reached: Bools) -> Floats:
    """Return the spread of a typical comparison at each prune ratio and look, and some more where few pairs tell.

    A sample that misses the tail of a skewed law has too small a spread, and looks too equal. The other comparisons
    know better: the floor is the median spread, times the factor that lies above the true spread with CERTAINTY.

    Args:
        found: [..., comparisons, prune ratios, looks].
        reached: the same shape; other looks do not count.
    Returns:
        [..., 1, prune ratios, looks] in points.
    """
    counts = reached & (found.pairs >= 2)
    freedom = np.where(counts, found.pairs - 1, 0).sum(axis=-3, keepdims=True)
    spread = np.where(counts, found.spread, np.nan)
    empty = ~counts.any(axis=-3, keepdims=True)
    median = np.nanmedian(np.where(empty, 0.0, spread), axis=-3, keepdims=True)
    factor = np.sqrt(freedom / stats.chi2.ppf(1 - CERTAINTY, np.maximum(freedom, 1)))
    return np.asarray(median * factor, np.float64)


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
