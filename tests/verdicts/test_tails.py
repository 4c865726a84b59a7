"""Tails of t statistics and of distances by the peers' spread, against samples drawn anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prunepipe.verdicts.looks import sample
from prunepipe.verdicts.peers import BY_PEERS, cautious, peer_distance, peer_tail, peers_of
from prunepipe.verdicts.skewness import skewed_share
from prunepipe.verdicts.tails import own_statistic, own_tail, skewed_tail

COMPARISONS = 40


def draws(pairs, distribution, count=40_000, seed=0):
    generator = np.random.default_rng(seed)
    shape = (count, pairs)
    return (
        generator.exponential(size=shape) - 1
        if distribution == "exponential"
        else generator.normal(size=shape)
    )


@pytest.mark.parametrize("pairs", [3, 5, 8, 20])
@pytest.mark.parametrize("statistic", [1.0, 2.5, 6.0])
def test_the_skewed_tail_is_how_often_exponential_samples_lie_so_far_below(pairs, statistic):
    found = sample(draws(pairs, "exponential"), (pairs,))
    t = (found.mean / found.spread * np.sqrt(pairs))[:, 0]
    share = (t < -statistic).mean()
    assert skewed_tail(statistic, pairs) == pytest.approx(
        share, rel=0.03, abs=4 * np.sqrt(share / len(t)) + 1e-4
    )
    assert (t > statistic).mean() <= skewed_tail(statistic, pairs)


@given(st.floats(0.1, 1e5), st.sampled_from([3, 5, 8, 13, 20, 100]))
def test_the_skewed_tail_is_never_below_that_of_the_t_test(statistic, pairs):
    assert skewed_tail(statistic, pairs) >= stats.t.sf(statistic, pairs - 1) * (1 - 0.02)
    assert skewed_tail(1.1 * statistic, pairs) < skewed_tail(statistic, pairs)


def test_far_out_the_tail_falls_with_the_power_of_the_t_test():
    for pairs in (3, 8):
        ratio = skewed_tail(np.array([2e3, 4e3]), pairs)
        assert ratio[0] / ratio[1] == pytest.approx(2.0 ** (pairs - 1))


def test_nothing_is_shown_by_two_pairs_or_no_number():
    assert skewed_tail([9.0, np.nan, -3.0], [2, 5, 5]).tolist() == [1, 1, 1]


@given(st.floats(1e-6, 0.2), st.sampled_from([3, 5, 8, 20]), st.floats(0, 1))
def test_statistics_and_levels_are_inverse(level, pairs, skewed):
    level, pairs, skewed = np.array([level]), np.array([pairs]), np.array([skewed])
    assert own_tail(own_statistic(level, pairs, skewed), pairs, skewed) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize(("distribution", "low", "high"), [("normal", 0.0, 0.3), ("exponential", 0.8, 1.0)])
@pytest.mark.parametrize("pairs", [5, 8, 20])
def test_a_study_sees_whether_its_differences_are_skewed(pairs, distribution, low, high):
    found = sample(draws(pairs, distribution, 60)[:, None], (pairs,))
    assert low <= skewed_share(found, np.ones(found.pairs.shape, bool)).item() <= high


def test_skewness_in_both_directions_is_seen():
    values = draws(8, "exponential", 60) * np.where(np.arange(60) % 2, 1, -1)[:, None]
    found = sample(values[:, None], (8,))
    assert skewed_share(found, np.ones(found.pairs.shape, bool)).item() > 0.6


def test_a_study_of_one_comparison_is_taken_to_be_skewed():
    found = sample(draws(8, "normal", 1)[:, None], (8,))
    assert skewed_share(found, np.ones(found.pairs.shape, bool)).item() >= 0.5


def peers(spreads, pairs, seed=0):
    values = spreads[:, None] * draws(pairs, "normal", len(spreads), seed)
    found = sample(values[:, None], (pairs,))
    return found, peers_of(found, np.ones(found.pairs.shape, bool))


def test_the_typical_spread_lies_a_little_above_the_median_and_ignores_outliers():
    spreads = np.full(COMPARISONS, 0.4)
    spreads[:5] = 50.0
    _, own = peers(spreads, 20)
    assert own.typical.item() == pytest.approx(1.2 * 0.4, rel=0.1)


def test_with_few_comparisons_there_is_no_typical_spread():
    assert np.isinf(peers(np.ones(5), 8)[1].typical).all()


def test_a_spread_above_what_is_typical_counts_more():
    assert cautious(np.array([0.1, 1.0, 2.0]), np.array(1.0)).tolist() == [1.0, 1.0, 4.0]


@pytest.mark.parametrize("distribution", ["normal", "exponential"])
@pytest.mark.parametrize("pairs", [5, 8])
@pytest.mark.parametrize("distance", [1.5, 2.5])
def test_the_tail_by_peers_is_how_often_a_comparison_with_one_of_their_spreads_is_so_far_off(
    distribution, pairs, distance
):
    spreads = np.array([1.0] * 3 + [4.0])
    table = np.zeros((1, 23))
    columns = [0, 6] if distribution == "exponential" else [11, 17]
    table[0, columns] = [0.75, 0.25]
    values = draws(pairs, distribution) * np.resize(spreads, 40_000)[:, None]
    found = sample(values, (pairs,))
    far = found.mean[:, 0] * np.sqrt(pairs) / cautious(found.spread[:, 0], np.array(1.0))
    sides = [(far > distance).mean(), (far < -distance).mean()]
    p_value = peer_tail(np.array([distance]), np.array([pairs]), table)[0]
    assert max(sides) <= p_value * 1.1
    if distribution == "normal":
        assert p_value == pytest.approx(np.mean(sides), rel=0.08)


def test_where_all_scatter_alike_the_peers_test_is_nearly_a_test_with_a_known_spread():
    _, own = peers(np.full(400, 0.5), 5)
    distance = peer_distance(np.array([BY_PEERS * 0.001]), np.array([5]), own.weights[0, 0])[0]
    assert 1.2 * distance < 1.5 * stats.norm.isf(0.001) < stats.t.isf(0.001, 4)


def test_peers_that_scatter_more_make_it_more_cautious():
    alike, unequal = np.full(COMPARISONS, 0.5), np.full(COMPARISONS, 0.5)
    unequal[:8] = 1.5
    level, pairs = np.array([1e-3]), np.array([5])
    far = [peer_distance(level, pairs, peers(s, 5)[1].weights[0, 0])[0] for s in (alike, unequal)]
    assert far[1] > 1.1 * far[0]
