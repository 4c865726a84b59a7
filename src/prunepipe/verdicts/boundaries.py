"""Where the effect would have to lie to decide a test, and how likely it gets there at the next look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from prunepipe.seeds import numpy_generator
from prunepipe.verdicts.evidence import (
    FEWEST_FOR_EQUIVALENCE,
    FEWEST_PAIRS,
    Bools,
    Claims,
    cautious,
    equivalence_looks,
)
from prunepipe.verdicts.looks import Floats, Ints, level_of_look

DRAWS = 400


class Levels(NamedTuple):
    """The level at which each test [comparisons, prune ratios] is asked now, after what is already shown."""

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
    """Of the sample, in points."""
    floor: Floats
    """See `prunepipe.verdicts.evidence.spread_floor`; at least the step of the accuracy."""
    complete: Bools
    look: Ints
    """Position among the looks."""
    harm_level: Floats
    equivalence_level: Floats

    def take(self, chosen: Ints) -> State:
        """Return some of the tests, by position."""
        return State(
            self.pairs[chosen],
            self.mean[chosen],
            self.spread[chosen],
            self.floor[chosen],
            self.complete[chosen],
            self.look[chosen],
            self.harm_level[chosen],
            self.equivalence_level[chosen],
        )


def thresholds(state: State, looks: Sequence[int], margin: float) -> tuple[Floats, Floats]:
    """Return, for every test at its look, below which effect it is harm and within which it is equivalence, in points.

    The second is negative or -inf where no effect would do at this look.
    """
    harm, equivalence = _critical(state, looks)
    error = cautious(state.spread, state.floor) / np.sqrt(np.maximum(state.pairs, 1))
    return -harm * error, margin - equivalence * error


def _critical(state: State, looks: Sequence[int]) -> tuple[Floats, Floats]:
    """Critical t values of harm and equivalence [tests]; infinite where there are too few pairs."""
    at_look = np.zeros(state.harm_level.shape)
    for look in np.unique(state.look).tolist():
        own = state.look == look
        at_look[own] = level_of_look(state.harm_level[own], look, looks, state.complete[own])
    freedom = np.maximum(state.pairs - 1, 1)
    share = state.equivalence_level / equivalence_looks(looks)
    enough, enough_pairs = state.pairs >= FEWEST_PAIRS, state.pairs >= FEWEST_FOR_EQUIVALENCE
    harm = np.where(enough, stats.t.isf(at_look, freedom), np.inf)
    return harm, np.where(enough_pairs & (share > 0), stats.t.isf(share, freedom), np.inf)


def decision_probability(state: State, looks: Sequence[int], margin: float) -> Floats:
    """Return how likely each test is decided at its next look, if effect and spread are what they are now.

    The seeds to come are drawn from a normal law with the mean and the spread found so far; both join the seeds that
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
    root, most = np.sqrt(old + n), 1e12
    error = cautious(np.sqrt(squares / (old + n - 1)), state.floor[:, None])
    harmed = mean * root <= -np.minimum(harm, most)[:, None] * error
    equivalent = (margin - np.abs(mean)) * root >= np.minimum(equivalence, most)[:, None] * error
    return np.asarray((harmed | equivalent).mean(axis=1), np.float64)
