"""Where an effect is decided, and how likely at the next look: against the tests themselves and new draws."""

from __future__ import annotations

import numpy as np
import pytest

from prunepipe.verdicts.boundaries import Levels, decision_probability, levels, state_at, thresholds
from prunepipe.verdicts.evidence import claims, evidence
from prunepipe.verdicts.looks import USUAL_LOOKS

MARGIN = 0.5


def state_of(differences, look):
    """The first comparison of a study at a look, or of each of many studies."""
    found = evidence(differences, looks=USUAL_LOOKS, margin=MARGIN)
    shape = differences.shape[:-1]
    level = np.full(shape, 0.05)
    first = np.zeros(shape, bool)
    first[..., 0, 0] = True
    return state_at(found, np.full(shape, look), Levels(level, level), first)


@pytest.mark.parametrize("look", [1, 2, 4])
@pytest.mark.parametrize(("comparisons", "spread"), [(1, 0.05), (20, 0.05), (20, 0.5)])
def test_an_effect_at_the_threshold_is_decided_and_a_little_inside_it_is_not(look, comparisons, spread):
    # Alone, with peers that scatter alike, and with peers that scatter less.
    noise = np.random.default_rng(2).normal(0, 0.05, (comparisons, 1, 20))
    noise[0] *= spread / 0.05
    seeds = USUAL_LOOKS[look]
    noise[0] -= noise[0, :, :seeds].mean()
    low, within = thresholds(state_of(noise, look), USUAL_LOOKS, MARGIN)

    def decided(effect):
        # Earlier looks say nothing: only this one is reached.
        reached = np.zeros((comparisons, 1, 5), bool)
        reached[..., look] = True
        moved = noise + effect * (np.arange(comparisons) == 0)[:, None, None]
        found = evidence(moved, looks=USUAL_LOOKS, margin=MARGIN, reached=reached)
        return found.harm[0, 0, look] <= 0.05, found.equivalence[0, 0, look] <= 0.05

    assert decided(low[0] - 1e-6)[0]
    assert not decided(low[0] + 1e-6)[0]
    if within[0] > 0:
        assert decided(within[0] - 1e-6)[1]
        assert not decided(within[0] + 1e-6)[1]


@pytest.mark.parametrize(("effect", "spread"), [(-0.4, 0.4), (0.0, 0.25), (-0.2, 0.3)])
def test_the_probability_of_a_decision_is_that_of_new_seeds(effect, spread):
    generator = np.random.default_rng(7)
    first = generator.normal(effect, spread, 8)
    found = state_of(np.concatenate([first, np.zeros(12)])[None, None], 2)
    expected = decision_probability(found, USUAL_LOOKS, MARGIN)[0]
    studies = np.zeros((1000, 1, 1, 20))
    studies[..., :8] = first
    studies[..., 8:12] = generator.normal(found.mean[0], found.spread[0], (1000, 1, 1, 4))
    after = state_of(studies, 3)
    after = after._replace(skewed=np.full(1000, found.skewed[0]))
    low, within = thresholds(after, USUAL_LOOKS, MARGIN)
    decided = (after.mean <= low) | (np.abs(after.mean) <= within)
    assert expected == pytest.approx(decided.mean(), abs=0.06)


def test_what_is_shown_raises_the_level_of_the_rest():
    differences = np.random.default_rng(3).normal(0, 0.1, (3, 2, 8))
    differences[0] -= 20.0
    found = evidence(differences, looks=(8,), margin=MARGIN)
    judged = np.ones((3, 2), bool)
    asked = levels(claims(found, judged=judged), 0.05, judged)
    assert asked.harm[1, 0] == pytest.approx(0.05 / 4)  # two of six are shown
    assert asked.equivalence[0, 1] == 0.0  # the lower prune ratio is not equivalent
    assert asked.equivalence[1, 0] >= 0.05 / 3
