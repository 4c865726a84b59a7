"""Means and t intervals of paired differences against formulas written out and against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from statsmodels.stats.weightstats import DescrStatsW

from prunepipe.verdicts.statistics import paired_intervals

FIVE = np.array([-0.31, 0.12, -0.48, -0.05, -0.22])


def one(differences, significance=0.05):
    return paired_intervals(np.array([differences], float), significance).iloc[0]


def test_effect_and_interval_follow_the_formulas_of_the_paired_t_test():
    row = one(FIVE)
    mean, count = sum(FIVE) / 5, 5
    spread = math.sqrt(sum((d - mean) ** 2 for d in FIVE) / (count - 1))
    half = special.stdtrit(count - 1, 0.95) * spread / math.sqrt(count)
    expected = (mean, spread, count, mean - half, mean + half)
    assert tuple(row) == pytest.approx(expected)


@pytest.mark.parametrize("significance", [0.01, 0.05, 0.2])
def test_the_interval_agrees_with_statsmodels(significance):
    row = one(FIVE, significance)
    expected = DescrStatsW(FIVE).tconfint_mean(2 * significance)
    assert (row["interval_low"], row["interval_high"]) == pytest.approx(expected)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_swapping_the_sides_mirrors_the_interval(differences):
    there, back = one(differences), one([-d for d in differences])
    mirrored = (-there["effect"], -there["interval_high"], -there["interval_low"])
    assert (back["effect"], back["interval_low"], back["interval_high"]) == pytest.approx(mirrored, abs=1e-9)


def test_the_order_of_seeds_and_missing_pairs_do_not_matter():
    gappy = one([np.nan, *FIVE[::-1], np.nan])
    assert gappy.to_numpy() == pytest.approx(one(FIVE).to_numpy())


def test_many_comparisons_are_the_single_ones_below_each_other():
    generator = np.random.default_rng(0)
    table = generator.normal(-0.2, 0.3, (40, 6))
    table[generator.random(table.shape) < 0.3] = np.nan
    together = paired_intervals(table, 0.05)
    for row, own in zip(together.to_numpy(), table, strict=True):
        assert row == pytest.approx(one(own).to_numpy(), nan_ok=True)


def test_one_seed_has_an_effect_and_no_interval_and_no_pair_has_neither():
    row = one([-3.0, np.nan])
    assert (row["effect"], row["pairs"]) == (-3.0, 1)
    assert row.drop(["effect", "pairs"]).isna().all()
    assert one([np.nan, np.nan]).drop("pairs").isna().all()
