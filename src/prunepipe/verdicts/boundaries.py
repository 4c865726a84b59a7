"""How large the effect would have to be to decide a test, and how likely the next look decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from prunepipe.seeds import numpy_generator
from prunepipe.verdicts.evidence import FEWEST_FOR_EQUIVALENCE, Claims, Evidence, equivalence_looks
from prunepipe.verdicts.looks import Bools, Floats, Ints, level_of_look
from prunepipe.verdicts.peers import FEWEST_PAIRS, cautious, peer_distance
from prunepipe.verdicts.tails import least_tail, own_statistic

DRAWS = 400


class Levels(NamedTuple):
    """The level of each test [comparisons, prune ratios] now, given the claims that are already shown."""

    harm: Floats
    equivalence: Floats
    """0 where a lower prune ratio comes first."""


def levels(found: Claims, significance: float, judged: Bools) -> Levels:
    """Return the levels of all tests of a study.

    Args:
        found: adjusted p-values [comparisons, prune ratios].
        significance: of the study.
        judged: which of them are judged.
    """
    shown = (found.harm <= significance) & judged
    harm = significance / np.maximum(judged.sum() - shown.sum() + shown, 1)
    within = (found.equivalence <= significance) | ~judged
    whole = within.all(axis=-1, keepdims=True) & judged.any(axis=-1, keepdims=True)
    asked = judged.any(axis=-1).sum()
    equivalence = significance / np.maximum(asked - whole.sum() + whole, 1)
    first = np.concatenate([np.ones_like(whole), within[:, :-1]], axis=1)
    reachable = np.logical_and.accumulate(first, axis=1)
    return Levels(harm, np.where(reachable, equivalence, 0.0))


class State(NamedTuple):
    """Tests [tests] at a look."""

    pairs: Ints
    mean: Floats
    spread: Floats
    """Of the sample, at least the step of the accuracy, in points."""
    typical: Floats
    """Spread of the peers, in points."""
    weights: Floats
    """[tests, columns] of the peers, see `prunepipe.verdicts.peers`."""
    skewed: Floats
    """Share of the study's comparisons."""
    factor: Floats
    """Of p-values of the own spread."""
    complete: Bools
    look: Ints
    """Position among the looks."""
    harm_level: Floats
    equivalence_level: Floats

    def take(self, chosen: Ints) -> State:
        """Return some of the tests, by position."""
        return State(*(values[chosen] for values in self))  # type: ignore[arg-type]


def state_at(found: Evidence, look: Ints, asked: Levels, chosen: Bools) -> State:
    """Return the tests of one study, each at its own look.

    Args:
        found: of one study.
        look: [comparisons, prune ratios] positions of looks.
        asked: levels.
        chosen: [comparisons, prune ratios] which tests, in the order of the state.
    """

    def now(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        whole = np.broadcast_to(values, found.harm.shape)
        return np.take_along_axis(whole, look[..., None], axis=-1)[..., 0][chosen]

    weights = found.peers.weights
    return State(
        pairs=now(found.sample.pairs),
        mean=now(np.nan_to_num(found.sample.mean)),
        spread=now(found.spread),
        typical=now(found.peers.typical),
        weights=np.broadcast_to(weights, (*found.harm.shape, weights.shape[-1]))[chosen, look[chosen]],
        skewed=now(found.peers.skewed),
        factor=now(found.peers.factor),
        complete=now(found.complete),
        look=look[chosen],
        harm_level=asked.harm[chosen],
        equivalence_level=asked.equivalence[chosen],
    )


def thresholds(state: State, looks: Sequence[int], margin: float) -> tuple[Floats, Floats]:
    """Return, for every test at its look, below which effect it is harm and within which it is equivalence, in points.

    The second is negative or -inf where no effect would do at this look.
    """
    harm, equivalence = _critical(state, looks)
    return -_distance(harm, state, state.spread), margin - _distance(equivalence, state, state.spread)


class Critical(NamedTuple):
    """What a statistic must reach [tests]; infinite where nothing would do."""

    alone: Floats
    """The t statistic with the own spread."""
    by_peers: Floats
    """The distance with the peers' spread."""


def _critical(state: State, looks: Sequence[int]) -> tuple[Critical, Critical]:
    """Critical values of harm and of equivalence."""
    at_look = np.zeros(state.harm_level.shape)
    for look in np.unique(state.look).tolist():
        own = state.look == look
        level = state.harm_level[own] / state.factor[own]
        at_look[own] = level_of_look(level, look, looks, state.complete[own])
    harm = _reach(at_look, state.harm_level / len(looks), state, FEWEST_PAIRS)
    share = state.equivalence_level / equivalence_looks(looks)
    return harm, _reach(share / state.factor, share, state, FEWEST_FOR_EQUIVALENCE)


def _reach(alone: Floats, by_peers: Floats, state: State, fewest: int) -> Critical:
    enough, least = state.pairs >= fewest, least_tail(state.pairs)
    pairs = np.maximum(state.pairs, FEWEST_PAIRS)
    own = own_statistic(alone, pairs, state.skewed)
    others = peer_distance(by_peers, pairs, state.weights)
    return Critical(
        np.where(enough & (alone >= least), own, np.inf),
        np.where(enough & (by_peers >= least), others, np.inf),
    )


def _distance(critical: Critical, state: State, spread: Floats) -> Floats:
    """How many points the mean must be away for the easier of both tests, with spreads [tests, ...]."""
    shape = (-1, *[1] * (spread.ndim - 1))
    most, root = 1e12, np.sqrt(np.maximum(state.pairs, 1)).reshape(shape)
    alone, by_peers = (np.minimum(one, most).reshape(shape) for one in critical)
    peers = cautious(spread, np.minimum(state.typical, most).reshape(shape))
    points = np.minimum(alone * spread, by_peers * peers) / root
    return np.where(points >= most * 1e-6, np.inf, points)


def decision_probability(state: State, looks: Sequence[int], margin: float) -> Floats:
    """Return how likely each test is decided at its next look, if effect and spread are what they are now.

    Further seeds are drawn from a normal distribution with the mean and spread found so far, and join the seeds that
    are there.

    Args:
        state: tests at a look that is not the last, with at least two pairs.
        looks: numbers of seeds.
        margin: in points.
    Returns:
        Probabilities [tests] of harm or equivalence at the next look.
    """
    new = np.asarray(looks)[state.look + 1] - np.asarray(looks)[state.look]
    after = state._replace(pairs=state.pairs + new, look=state.look + 1)
    harm, equivalence = _critical(after, looks)
    generator = numpy_generator(0, "next look")
    normal, between = generator.normal(size=DRAWS), generator.normal(size=(DRAWS, int(new.max(initial=1))))
    within = np.stack(
        [
            (between[:, :n] ** 2).sum(1) - n * between[:, :n].mean(1) ** 2
            for n in range(1, between.shape[1] + 1)
        ]
    )
    old, n, spread = state.pairs[:, None], new[:, None], state.spread[:, None]
    shift = spread * normal / np.sqrt(n)  # mean of the new pairs minus that of the old, [tests, draws]
    squares = (old - 1) * spread**2 + spread**2 * within[new - 1] + old * n / (old + n) * shift**2
    mean = state.mean[:, None] + n / (old + n) * shift
    shape = np.sqrt(squares / (old + n - 1))
    harmed = mean <= -_distance(harm, after, shape)
    equivalent = np.abs(mean) <= margin - _distance(equivalence, after, shape)
    return np.asarray((harmed | equivalent).mean(axis=1), np.float64)
