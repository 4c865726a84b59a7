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


class Evidence(NamedTuple):
    """Sequential p-values [..., comparisons, prune ratios, looks], not yet adjusted for their number."""

    sample: Sample
    complete: Bools
    """Whether every pair up to this look can be compared."""
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

    def tail(t: Floats, fewest: int = 0) -> Floats:
        return np.where(reached & (found.pairs >= fewest), tail_probability(t, found.pairs), 1.0)

    below, above = found.t(margin, least_spread), found.t(-margin, least_spread)
    zero = found.t(0.0, least_spread)
    harm = tail(np.where(np.isfinite(zero), -zero, -np.inf))
    fewest = FEWEST_FOR_EQUIVALENCE
    equivalence = np.maximum(
        tail(above, fewest), tail(np.where(np.isfinite(below), -below, -np.inf), fewest)
    )
    collapse = np.ones_like(harm)
    if collapsed is not None and collapsed_reference is not None:
        collapse = np.where(reached, collapse_test(collapsed, collapsed_reference, looks), 1.0)
    tests = (harm, equivalence, tail(zero))
    always = np.zeros(complete.shape, bool)  # the law of the exact test is not that of t
    return Evidence(
        found,
        complete,
        *(sequential(p, looks, complete) for p in tests),
        sequential(collapse, looks, always),
    )


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
