"""What the seeds of a study show at every look: sequential p-values of harm, equivalence, gain and collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from prunepipe.verdicts.families import holm, in_sequence
from prunepipe.verdicts.looks import Bools, Floats, Ints, Sample, sample, sequential
from prunepipe.verdicts.peers import FEWEST_PAIRS, Peers, cautious, copies, peer_tail, peers_of
from prunepipe.verdicts.tails import least_tail, own_tail

FEWEST_FOR_EQUIVALENCE = 5
"""Least number of pairs for `ignores`, however similar they are."""


class Evidence(NamedTuple):
    """Sequential p-values [..., comparisons, prune ratios, looks], not yet adjusted for their number."""

    sample: Sample
    complete: Bools
    """Whether every pair up to this look can be compared."""
    spread: Floats
    """Of the sample, at least the step of the accuracy."""
    peers: Peers
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
    spread = np.maximum(np.nan_to_num(found.spread), np.maximum(least_spread, 1e-9))
    peers = peers_of(found, reached & ~copies(differences)[..., None, None], least_spread)

    def tails(distance: Floats, fewest: int) -> tuple[Floats, Floats]:
        return _tails(distance, found.pairs, reached & (found.pairs >= fewest), spread, peers)

    def over_looks(distance: Floats) -> Floats:
        alone, by_peers = tails(distance, FEWEST_PAIRS)
        both = np.minimum(sequential(alone, looks, complete) * peers.factor, by_peers * len(looks))
        return np.minimum.accumulate(np.minimum(both, 1.0), axis=-1)

    alone, by_peers = tails(margin - np.abs(found.mean), FEWEST_FOR_EQUIVALENCE)
    shares = np.minimum(np.minimum(alone * peers.factor, by_peers) * equivalence_looks(looks), 1.0)
    none = np.zeros(differences.shape, bool)
    checked, reference = (none if side is None else side for side in (collapsed, collapsed_reference))
    collapse = np.where(reached, exact_paired_test(checked, reference, looks), 1.0)
    return Evidence(
        found,
        complete,
        spread,
        peers,
        over_looks(-found.mean),
        np.minimum.accumulate(shares, axis=-1),
        over_looks(found.mean),
        sequential(collapse, looks, np.zeros(complete.shape, bool)),  # the exact test is not the t test
    )


def _tails(
    distance: Floats, pairs: Ints, counts: Bools, spread: Floats, peers: Peers
) -> tuple[Floats, Floats]:
    """p-values of the means' distances in points from what is to be refuted: by the own spread, and by the peers'."""
    alone, by_peers = np.ones(counts.shape), np.ones(counts.shape)
    own, beyond = pairs[counts], distance[counts] * np.sqrt(pairs[counts])
    found, typical = spread[counts], np.broadcast_to(peers.typical, counts.shape)[counts]
    skewed, least = np.broadcast_to(peers.skewed, counts.shape)[counts], least_tail(own)
    alone[counts] = np.maximum(own_tail(beyond / found, own, skewed), least)
    weights = np.broadcast_to(peers.weights, (*counts.shape, peers.weights.shape[-1]))[counts]
    by_peers[counts] = np.maximum(peer_tail(beyond / cautious(found, typical), own, weights), least)
    return alone, by_peers


def equivalence_looks(looks: Sequence[int]) -> int:
    """Return how many looks have enough seeds to show equivalence, and share the level for it."""
    return max(sum(look >= FEWEST_FOR_EQUIVALENCE for look in looks), 1)


def exact_paired_test(event: Bools, event_reference: Bools, looks: Sequence[int]) -> Floats:
    """Return p-values of "the check makes an event, such as a collapse, no more frequent" at every look.

    Args:
        event: [..., seeds] whether it happens under the check.
        event_reference: [..., seeds] whether it happens without the check.
        looks: numbers of seeds.
    Source: McNemar, "Note on the sampling error of the difference between correlated proportions", 1947; exact.
    """
    numbers = np.asarray(looks) - 1
    more = (event & ~event_reference).cumsum(axis=-1)[..., numbers]
    fewer = (event_reference & ~event).cumsum(axis=-1)[..., numbers]
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
    # A test that is not judged must not end the sequence, so its p-value is 0 there.
    steps = np.where(judged, found.equivalence[..., look], 0.0)
    equivalence[..., asked, :] = in_sequence(steps[..., asked, :])
    return Claims(
        over_all(harm),
        np.where(judged, equivalence, 1.0),
        over_all(found.gain[..., look]),
        over_all(found.collapse[..., look]),
    )
