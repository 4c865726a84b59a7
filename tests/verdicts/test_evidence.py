"""What the seeds show: equivalence, floor and collapse against scipy and against every outcome played through."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prunepipe.verdicts.evidence import cautious, claims, collapse_test, evidence, spread_floor
from prunepipe.verdicts.looks import sample


def test_one_comparison_at_one_look_is_the_t_tests_with_a_larger_spread():
    differences = np.random.default_rng(0).normal(0.1, 0.2, (1, 1, 6))
    own = differences[0, 0]
    found = evidence(differences, looks=(6,), margin=0.5)
    error = np.sqrt(5 / stats.chi2.ppf(0.005, 5)) * own.std(ddof=1) / np.sqrt(6)
    expected = max(stats.t.sf((own.mean() + 0.5) / error, 5), stats.t.sf((0.5 - own.mean()) / error, 5))
    assert found.equivalence[0, 0, 0] == pytest.approx(expected)
    assert found.harm[0, 0, 0] == pytest.approx(stats.t.cdf(own.mean() / error, 5))
    assert found.gain[0, 0, 0] == pytest.approx(stats.t.sf(own.mean() / error, 5))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_no_p_value_below_one_half_is_smaller_than_that_of_the_t_test(data):
    values = st.lists(st.floats(-5, 5), min_size=30, max_size=30)
    differences = np.array(data.draw(values)).reshape(3, 2, 5)
    found = evidence(differences, looks=(5,), margin=0.5, least_spread=0.01)
    own = stats.ttest_1samp(differences, 0.0, axis=-1, alternative="less").pvalue
    below = found.harm[..., 0] < 0.5
    assert (found.harm[..., 0][below] >= own[below] * (1 - 1e-6)).all()


def test_a_spread_above_what_is_typical_is_trusted_less():
    assert cautious(np.array([0.1, 1.0, 2.0]), np.array(1.0)).tolist() == [1.0, 1.0, 8.0]


def test_the_floor_is_the_median_of_the_comparisons_at_the_same_prune_ratio():
    generator = np.random.default_rng(1)
    spreads = np.array([0.01, 0.2, 0.3, 0.4, 50.0])[:, None, None] * np.array([1.0, 3.0])[:, None]
    found = sample(spreads * generator.normal(size=(5, 2, 400)), (400,))
    floor = spread_floor(found, np.ones(found.pairs.shape, bool))
    assert floor[0, :, 0] == pytest.approx([0.42, 1.26], rel=0.1)
    assert (floor > np.median(found.spread, axis=0)).all()


def test_looks_that_are_not_reached_show_nothing_and_count_for_no_floor():
    differences = np.zeros((2, 1, 5)) + np.array([0.01, -0.01, 0.02, 0.0, 0.01])
    reached = np.array([[[True]], [[False]]])
    found = evidence(differences, looks=(5,), margin=0.5, reached=reached)
    assert found.equivalence[0, 0, 0] < 0.05
    assert found.equivalence[1, 0, 0] == found.harm[1, 0, 0] == 1.0


@pytest.mark.parametrize("looks", [(3,), (4,)])
def test_equivalence_needs_five_pairs(looks):
    differences = np.array([[[0.0, 0.001, -0.001, 0.0]]])
    assert evidence(differences, looks=looks, margin=5.0).equivalence.min() == 1.0


@pytest.mark.parametrize(("more", "fewer"), [(4, 0), (3, 1), (0, 3), (0, 0), (5, 2)])
def test_the_collapse_test_counts_every_assignment_of_the_discordant_pairs(more, fewer):
    collapsed = np.array([True] * more + [False] * fewer + [True, False])
    reference = np.array([False] * more + [True] * fewer + [True, False])
    flips = list(product([0, 1], repeat=more + fewer))
    expected = np.mean([sum(flip) >= more for flip in flips])
    assert collapse_test(collapsed, reference, (more + fewer + 2,))[0] == pytest.approx(expected)


def test_equal_differences_count_with_the_step_of_the_accuracy():
    differences = np.full((1, 1, 8), -0.28)
    assert evidence(differences, looks=(8,), margin=0.5).harm[0, 0, 0] < 1e-6
    assert evidence(differences, looks=(8,), margin=0.5, least_spread=0.28).harm[0, 0, 0] > 0.01


def test_claims_never_turn_back_with_further_looks():
    differences = np.random.default_rng(5).normal(-0.3, 0.3, (50, 3, 2, 20))
    found = evidence(differences, looks=(3, 5, 8, 12, 20), margin=0.5)
    for before, after in zip(range(4), range(1, 5), strict=True):
        for first, second in zip(claims(found, look=before), claims(found, look=after), strict=True):
            assert (second <= first + 1e-12).all()


def test_what_is_not_judged_costs_nothing():
    differences = np.random.default_rng(6).normal(-0.3, 0.2, (3, 2, 8))
    judged = np.array([[True, True], [True, False], [False, False]])
    found = evidence(differences, looks=(8,), margin=0.5)
    shown = claims(found, judged=judged)
    assert (shown.harm[~judged] == 1).all()
    assert shown.harm[judged].min() == pytest.approx(min(3 * found.harm[judged].min(), 1))
    assert shown.equivalence[1, 0] <= 2 * found.equivalence[1, 0, 0] + 1e-12
