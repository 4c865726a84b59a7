"""Paired effects and equivalence at one look against formulas written out and against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from statsmodels.stats.weightstats import DescrStatsW

from prunepipe.errors import ConfigError
from prunepipe.verdicts.statistics import EFFECT_COLUMNS, paired_effects

MARGIN = 0.5
FIVE = np.array([-0.31, 0.12, -0.48, -0.05, -0.22])


def one(differences, **options):
    return paired_effects(differences, **{"margin": MARGIN, **options}).iloc[0]


def test_effect_and_tests_follow_the_formulas_of_the_paired_t_test():
    row = one(FIVE)
    mean, count = sum(FIVE) / 5, 5
    spread = math.sqrt(sum((d - mean) ** 2 for d in FIVE) / (count - 1))
    error = spread / math.sqrt(count)
    below = lambda t: special.stdtr(count - 1, t)  # noqa: E731 - the t distribution function, as in a textbook
    assert row["effect"] == pytest.approx(mean)
    assert row["standard_deviation"] == pytest.approx(spread)
    assert row["seeds"] == 5
    assert row["p_worse"] == pytest.approx(below(mean / error))
    assert row["p_better"] == pytest.approx(1 - below(mean / error))
    assert row["p_equivalent"] == pytest.approx(
        max(1 - below((mean + MARGIN) / error), below((mean - MARGIN) / error))
    )
    half = special.stdtrit(count - 1, 0.95) * error
    assert (row["interval_low"], row["interval_high"]) == pytest.approx((mean - half, mean + half))


@pytest.mark.parametrize("significance", [0.01, 0.05, 0.2])
def test_agrees_with_statsmodels(significance):
    row, theirs = one(FIVE, significance=significance), DescrStatsW(FIVE)
    assert row["p_worse"] == pytest.approx(theirs.ttest_mean(0, "smaller")[1])
    assert row["p_equivalent"] == pytest.approx(theirs.ttost_mean(-MARGIN, MARGIN)[0])
    low, high = theirs.tconfint_mean(2 * significance)
    assert (row["interval_low"], row["interval_high"]) == pytest.approx((low, high))


def test_pairs_of_published_size_give_a_known_answer():
    # LRR minus LRR with shuffled weights on ResNet32: about -1.9 points with a spread of 0.3 (slides).
    row = one([-1.6, -1.9, -2.2])
    assert row["effect"] == pytest.approx(-1.9)
    assert row["p_worse"] == pytest.approx(0.0041, abs=1e-4)  # t = -10.97 with 2 degrees of freedom


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.floats(0.1, 3))
def test_the_interval_and_the_tests_decide_alike(differences, margin):
    row = one(differences, margin=margin)
    if math.isnan(row["interval_low"]):
        return
    for p_value, inside in [
        (row["p_worse"], row["interval_high"]),
        (row["p_better"], -row["interval_low"]),
        (row["p_equivalent"], max(row["interval_high"], -row["interval_low"]) - margin),
    ]:
        assert (p_value < 0.05) == (inside < 0) or abs(inside) < 1e-7


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_swapping_the_sides_swaps_worse_and_better_and_keeps_equivalence(differences):
    there, back = one(differences), one([-d for d in differences])
    assert back["effect"] == pytest.approx(-there["effect"], abs=1e-12)
    assert back["p_better"] == pytest.approx(there["p_worse"], abs=1e-9)
    assert back["p_equivalent"] == pytest.approx(there["p_equivalent"], abs=1e-9)


def test_the_order_of_seeds_and_missing_pairs_do_not_matter():
    full = one(FIVE)
    gappy = one([np.nan, *FIVE[::-1], np.inf, np.nan])
    assert gappy.to_numpy() == pytest.approx(full.to_numpy())


def test_many_comparisons_are_the_single_ones_side_by_side():
    generator = np.random.default_rng(0)
    table = generator.normal(-0.2, 0.3, (6, 40))
    table[generator.random(table.shape) < 0.3] = np.nan
    table[:, 0], table[:, 1] = np.nan, -2.0
    together = paired_effects(table, margin=MARGIN)
    for column in range(table.shape[1]):
        assert together.iloc[column].to_numpy() == pytest.approx(
            one(table[:, column]).to_numpy(), nan_ok=True
        )


@pytest.mark.parametrize("differences", [[], [np.nan, np.nan]])
def test_no_pair_has_no_effect(differences):
    row = paired_effects(np.array(differences).reshape(-1, 1), margin=MARGIN).iloc[0]
    assert row["seeds"] == 0
    assert row.drop("seeds").isna().all()


def test_one_seed_has_an_effect_and_no_test():
    row = one([-3.0, np.nan])
    assert (row["effect"], row["seeds"]) == (-3.0, 1)
    assert row.drop(["effect", "seeds"]).isna().all()


@pytest.mark.parametrize(
    ("value", "worse", "better", "equivalent"),
    [
        (0.0, 1, 1, 1 / 32),
        (-2.0, 1 / 32, 1, 1),
        (2.0, 1, 1 / 32, 1),
        (-0.3, 1 / 32, 1, 1 / 32),
        (-MARGIN, 1 / 32, 1, 1),  # the margin itself is not within the margin
    ],
)
def test_zero_variance_falls_back_on_the_exact_sign_test(value, worse, better, equivalent):
    row = one([value] * 5)
    assert (row["effect"], row["standard_deviation"]) == (value, 0)
    assert (row["p_worse"], row["p_better"], row["p_equivalent"]) == (worse, better, equivalent)
    assert math.isnan(row["interval_low"])


def test_float_noise_counts_as_zero_variance():
    accuracies = np.array([8.2, 33.7, 94.1])
    differences = (accuracies - 0.1) - accuracies
    assert len(set(differences)) > 1
    assert one(differences)["p_worse"] == 1 / 8


def test_equal_differences_of_a_coarse_accuracy_do_not_decide_too_often():
    # 360 test images: two seeds often differ by the same 1/360; a t test in the limit would call each "worse".
    generator = np.random.default_rng(1)
    differences = np.round(generator.normal(0, 0.3, (2, 4000)) * 3.6) / 3.6
    effects = paired_effects(differences, margin=MARGIN)
    constant_harm = (effects["standard_deviation"] < 1e-9) & (effects["effect"] < 0)
    assert constant_harm.mean() > 0.05
    assert (effects["p_worse"] <= 0.05).mean() <= 0.05 + 0.01


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_must_be_positive(margin):
    with pytest.raises(ConfigError, match=r"margin: .* is not above 0"):
        paired_effects(FIVE, margin=margin)


@pytest.mark.parametrize("significance", [0.0, 0.5, 1.0, math.nan])
def test_a_significance_must_be_below_one_half(significance):
    with pytest.raises(ConfigError, match=r"significance: .* is not between 0 and 0.5"):
        paired_effects(FIVE, margin=MARGIN, significance=significance)


def test_columns_are_the_documented_ones():
    assert tuple(paired_effects(FIVE, margin=MARGIN)) == EFFECT_COLUMNS
