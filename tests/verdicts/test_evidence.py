"""What the seeds show: harm, equivalence and collapse against scipy and against every outcome played through."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prunepipe.verdicts.evidence import claims, evidence, exact_paired_test
from prunepipe.verdicts.peers import ONLY, copies
from prunepipe.verdicts.tails import skewed_tail


def test_one_comparison_at_one_look_is_a_t_test_that_allows_for_skew():
    differences = np.random.default_rng(0).normal(0.1, 0.2, (1, 1, 6))
    own = differences[0, 0]
    found = evidence(differences, looks=(6,), margin=0.5)
    skewed, error = found.peers.skewed.item(), own.std(ddof=1) / np.sqrt(6)
    assert 0.5 <= skewed <= 1

    def p_value(distance):
        t = distance / error
        return min(ONLY * (skewed * skewed_tail(t, 6) + (1 - skewed) * stats.t.sf(t, 5)), 1.0)

    assert found.equivalence[0, 0, 0] == pytest.approx(
        max(p_value(own.mean() + 0.5), p_value(0.5 - own.mean()))
    )
    assert found.gain[0, 0, 0] == pytest.approx(p_value(own.mean()))
    assert found.harm[0, 0, 0] == 1.0


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_with_few_comparisons_no_p_value_is_smaller_than_that_of_the_t_test(data):
    values = st.lists(st.floats(-5, 5), min_size=30, max_size=30)
    differences = np.array(data.draw(values)).reshape(3, 2, 5)
    found = evidence(differences, looks=(5,), margin=0.5, least_spread=0.01)
    own = stats.ttest_1samp(differences, 0.0, axis=-1, alternative="less").pvalue
    below = found.harm[..., 0] < 0.5
    assert (found.harm[..., 0][below] >= own[below] * (1 - 1e-6)).all()


@pytest.mark.parametrize("comparisons", [5, 8])
def test_copies_of_comparisons_tell_nothing_new(comparisons):
    """As where two tickets have the same masks: every run of the one is a run of the other."""
    differences = np.random.default_rng(0).normal(0.1, 0.4, (comparisons, 2, 8))
    differences[1, 0, 5:] = np.nan
    alone = evidence(differences, looks=(3, 5, 8), margin=0.5)
    copied = evidence(np.concatenate([differences, differences[1:4]]), looks=(3, 5, 8), margin=0.5)
    assert np.isinf(copied.peers.typical).any() == (
        comparisons == 5
    )  # five and three copies are no six peers
    for name in ("harm", "equivalence", "gain"):
        np.testing.assert_array_equal(getattr(copied, name)[:comparisons], getattr(alone, name))
        np.testing.assert_array_equal(getattr(copied, name)[comparisons:], getattr(alone, name)[1:4])


def test_a_comparison_is_a_copy_only_if_it_repeats_an_earlier_one_everywhere():
    first = np.arange(12.0).reshape(2, 6)
    other, shorter = first.copy(), first.copy()
    other[1, 3] += 0.1
    shorter[0, 0] = np.nan  # not the difference 0.0 of the first
    found = copies(np.stack([first, other, first, shorter, other]))
    assert found.tolist() == [False, False, True, False, True]
    many = copies(np.stack([np.stack([first, other]), np.stack([other, other])]))  # of two studies
    assert many.tolist() == [[False, False], [False, True]]


def test_looks_that_are_not_reached_show_nothing():
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
    assert exact_paired_test(collapsed, reference, (more + fewer + 2,))[0] == pytest.approx(expected)


def test_equal_differences_count_with_the_step_of_the_accuracy():
    differences = np.full((1, 1, 8), -0.28)
    assert evidence(differences, looks=(8,), margin=0.5).harm[0, 0, 0] < 1e-6
    assert evidence(differences, looks=(8,), margin=0.5, least_spread=0.28).harm[0, 0, 0] > 0.01


@pytest.mark.parametrize("comparisons", [1, 20])
def test_three_failures_in_a_row_prove_no_more_than_three_failures_can(comparisons):
    differences = np.random.default_rng(4).normal(0, 0.1, (comparisons, 1, 3))
    differences[0] -= 30.0
    assert 1e-3 <= evidence(differences, looks=(3,), margin=0.5).harm[0, 0, 0] <= 2e-3


def test_a_loss_far_beyond_the_spread_of_the_peers_is_harm_although_it_scatters_more():
    # As for a positive control: 31 +- 5 points in 8 seeds, 15 claims, peers of 0.6 points.
    differences = np.random.default_rng(4).normal(0, 0.6, (15, 1, 8))
    differences[0] = -31 + 5 * differences[0] / 0.6
    found = claims(evidence(differences, looks=(8,), margin=1.5))
    assert found.harm[0, 0] < 0.05 < found.harm[1:].min()


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
