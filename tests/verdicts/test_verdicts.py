"""Verdicts: known answers, metamorphic relations, and two controls of the battery itself."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_frames import collapse, lose, study
from scipy import stats

from prunepipe.verdicts.statistics import seeds_to_decide
from prunepipe.verdicts.verdicts import method_summaries, prune_ratio_effects, verdicts

ONE = {"snip": {"rearrange": 0.0}}
BOTH = {
    "snip": {"corrupted_data": 0.0, "rearrange": 0.0},
    "learning_rate_rewinding": {"half_dataset": -1.0, "shuffle_weights": -2.0},
}


def judged(results, margin=0.5, **options):
    return verdicts(results, margin=margin, **options)


def only(results, **options):
    table = judged(results, **options)
    assert len(table) == 1
    return table.iloc[0]


def differences(results, check="rearrange"):
    """[seeds, prune ratios] of a study with one ticket, by hand."""
    wide = results.pivot_table(index=["seed", "prune_ratio"], columns="check", values="accuracy")
    return (wide[check] - wide["none"]).unstack("prune_ratio").to_numpy()


# known answers


def test_the_effect_is_the_seed_mean_over_prune_ratios_tested_across_seeds():
    results = study(ONE, prune_ratios=(0.9, 0.95, 0.98))
    row = only(results)
    by_seed = differences(results).mean(axis=1)
    assert row["effect"] == pytest.approx(by_seed.mean())
    assert row["p_worse"] == pytest.approx(stats.ttest_1samp(by_seed, 0, alternative="less").pvalue)
    interval = stats.ttest_1samp(by_seed, 0).confidence_interval(0.9)
    assert (row["interval_low"], row["interval_high"]) == pytest.approx((interval.low, interval.high))
    assert row["interval_level"] == pytest.approx(0.9)
    assert row["worst_effect"] == pytest.approx(differences(results).mean(axis=0).min())
    assert (row["seeds"], row["expected_seeds"], row["pairs"], row["expected_pairs"]) == (5, 5, 15, 15)


def test_prune_ratios_of_one_seed_are_not_independent_evidence():
    # The same difference at ten prune ratios of two seeds is two observations, not twenty.
    results = study(ONE, prune_ratios=np.linspace(0.5, 0.95, 10), noise=0.0)
    results = results[results["seed"] < 2]
    shift = results["seed"].map({0: -1.0, 1: -0.2}).where(results["check"] == "rearrange", 0.0)
    row = only(results.assign(accuracy=results["accuracy"] + shift))
    assert row["seeds"] == 2
    assert row["p_worse"] == pytest.approx(stats.ttest_1samp([-1.0, -0.2], 0, alternative="less").pvalue)
    assert row["verdict"] == "inconclusive"


def test_holm_runs_over_all_rows_of_a_study_and_not_across_studies():
    effects = {"snip": {"rearrange": 0.0, "corrupted_data": -0.3}, "grasp": {"rearrange": -0.2}}
    first = study(effects, networks=("vgg19", "resnet32"))
    second = study(ONE, study="another", generator_seed=3)
    table = judged(pd.concat([first, second], ignore_index=True))
    assert set(table["family_size"]) == {6, 1}
    own = table[table["study"] == "simulated"]
    smallest = own["p_worse"].min()
    assert own["p_uses"].min() == pytest.approx(6 * smallest)
    other = table[table["study"] == "another"].iloc[0]
    assert other["p_uses"] == other["p_worse"]
    pd.testing.assert_frame_equal(judged(second), table[table["study"] == "another"].reset_index(drop=True))


@pytest.mark.parametrize(
    ("adjusted", "raw"), [("p_uses", "p_worse"), ("p_ignores", "p_equivalent"), ("p_gains", "p_better")]
)
def test_each_question_has_its_own_correction(adjusted, raw):
    table = judged(study({"a": {"x": 0.0, "y": 1.5}}))
    assert table[adjusted].min() == pytest.approx(min(2 * table[raw].min(), 1))


def test_a_gain_shows_neither_use_nor_indifference_and_never_makes_a_method_not_sane():
    table = judged(study({"snip": {"corrupted_data": 1.5, "rearrange": 3.0}}))
    assert set(table["verdict"]) == {"inconclusive"}
    assert (table["p_ignores"] > 0.5).all()
    assert table["seeds_to_decide"].isna().all()  # no number of seeds turns a gain into `uses` or `ignores`
    assert table["reason"].str.contains("the check does not show what the method uses").all()
    assert method_summaries(table)["summary"].tolist() == ["undecided"]


@pytest.mark.parametrize(
    ("effect", "noise", "word", "phrase"),
    [
        (0.0, 0.1, "ignores", "equivalent to none within the margin of 0.5"),
        (-1.0, 0.1, "uses", "worse by more than chance"),
        (
            -0.2,
            0.005,
            "ignores",
            "equivalent to none within the margin",
        ),  # significant, but shown to be below the margin
        (1.5, 0.1, "inconclusive", "better by more than chance"),
        (0.2, 0.005, "ignores", "equivalent to none within the margin"),  # a gain too small to matter
        (-0.3, 1.0, "inconclusive", "seeds would decide it"),
        (0.0, 2.0, "inconclusive", "seeds would decide it"),
    ],
)
def test_the_word_and_its_reason(effect, noise, word, phrase):
    row = only(study({"snip": {"rearrange": effect}}, noise=noise))
    assert row["verdict"] == word
    assert phrase in row["reason"]
    assert pd.notna(row["seeds_to_decide"]) == ("seeds would decide it" in phrase)


def test_the_reason_names_holms_correction_where_it_alone_prevents_a_decision():
    effects = {
        "snip": {"rearrange": -0.55, "corrupted_data": -0.5},
        "grasp": {"rearrange": -0.6, "invert": 0.0},
    }
    table = judged(study(effects, seeds=3, noise=0.35, generator_seed=4))
    held = table[(table["p_worse"] <= 0.05) & (table["verdict"] == "inconclusive")]
    assert len(held)
    for row in held.to_dict("records"):
        assert row["interval_high"] < 0  # which alone would say `uses`
        assert "not decided after Holm's correction over 4 comparisons" in row["reason"]
        assert f"adjusted p = {row['p_uses']:.2g} for worse" in row["reason"]


def test_a_larger_margin_forgives_more():
    results = study({"snip": {"rearrange": -1.0}}, noise=0.2)
    assert only(results, margin=0.5)["verdict"] == "uses"
    assert only(results, margin=2.0)["verdict"] == "ignores"


def test_the_number_of_seeds_is_planned_for_the_whole_family():
    table = judged(study({"snip": {"rearrange": -0.3, "corrupted_data": -0.2, "invert": 0.1}}, noise=1.0))
    assert set(table["verdict"]) == {"inconclusive"}
    for row in table.to_dict("records"):
        spread = row["standard_deviation"]
        if row["effect"] >= 0.5:
            assert pd.isna(row["seeds_to_decide"])
            assert "a gain of this size would decide nothing" in row["reason"]
            continue
        assert row["seeds_to_decide"] == seeds_to_decide(row["effect"], spread, margin=0.5, family_size=3)


def test_the_number_of_seeds_decides_when_they_are_run():
    effects = {"snip": {"rearrange": -0.1}}
    few = only(study(effects, seeds=3, noise=0.4))
    assert few["verdict"] == "inconclusive"
    again = [only(study(effects, seeds=60, noise=0.4, generator_seed=k))["verdict"] for k in range(5)]
    assert 3 < few["seeds_to_decide"] < 60
    assert set(again) == {"ignores"}


# metamorphic


@given(st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_shifting_all_accuracies_changes_nothing(shift):
    results = study(BOTH, base=75.0)
    plain, moved = judged(results), judged(results.assign(accuracy=results["accuracy"] + shift))
    assert plain["verdict"].tolist() == moved["verdict"].tolist()
    assert plain["p_uses"].to_numpy() == pytest.approx(moved["p_uses"].to_numpy())


def test_a_constant_per_seed_and_prune_ratio_cancels():
    results = study(BOTH)
    constant = results["seed"] * 1.7 - results["prune_ratio"] * 20
    moved = judged(results.assign(accuracy=results["accuracy"] + constant))
    assert moved["effect"].to_numpy() == pytest.approx(judged(results)["effect"].to_numpy())
    assert moved["standard_deviation"].to_numpy() == pytest.approx(
        judged(results)["standard_deviation"].to_numpy()
    )


def test_permuting_the_rows_changes_only_their_order():
    results = lose(
        study(BOTH, prune_ratios=(0.9, 0.95, 0.98)), ticket="snip", check="none", prune_ratio=0.9, seed=1
    )
    shuffled = judged(results.sample(frac=1, random_state=1))
    keys = ["ticket", "check"]
    pd.testing.assert_frame_equal(
        judged(results).sort_values(keys, ignore_index=True), shuffled.sort_values(keys, ignore_index=True)
    )


def test_swapping_check_and_none_flips_the_sign():
    results = study({"snip": {"rearrange": -1.0}})
    swapped = results.assign(check=results["check"].map({"none": "rearrange", "rearrange": "none"}))
    row, back = only(results), only(swapped)
    assert back["effect"] == pytest.approx(-row["effect"])
    assert (row["verdict"], back["verdict"]) == ("uses", "inconclusive")


def test_the_unpruned_network_is_no_method():
    results = study(BOTH)
    dense = study({"full_network": {"half_dataset": -5.0}}, prune_ratios=(0.0,))
    pd.testing.assert_frame_equal(judged(pd.concat([results, dense], ignore_index=True)), judged(results))


# single prune ratios


def test_prune_ratio_effects_describe_each_ratio_by_its_own_pairs():
    results = collapse(study(ONE, prune_ratios=(0.9, 0.98)), check="rearrange", seed=3, prune_ratio=0.98)
    table = prune_ratio_effects(results, margin=0.5)
    assert table["prune_ratio"].tolist() == [0.9, 0.98]
    assert table["seeds"].tolist() == [5, 4]
    own = differences(results)
    assert table["effect"].to_numpy() == pytest.approx([own[:, 0].mean(), own[[0, 1, 2, 4], 1].mean()])
    assert table["gaps"].tolist() == ["", "collapsed: 0.98 (1 of 5 seeds, with the check)"]


# controls of the battery


def test_a_method_that_uses_the_data_and_one_that_does_not_are_judged_rightly():
    table = judged(study(BOTH, networks=("vgg19", "resnet32")))
    assert set(table.loc[table["ticket"] == "snip", "verdict"]) == {"ignores"}
    assert set(table.loc[table["ticket"] != "snip", "verdict"]) == {"uses"}
    summary = method_summaries(table).set_index("ticket")["summary"]
    assert summary.to_dict() == {"snip": "not sane", "learning_rate_rewinding": "sane"}


def test_too_few_seeds_for_either_are_inconclusive_and_nothing_else():
    table = judged(study({"snip": {"rearrange": 0.0, "corrupted_data": -1.0}}, seeds=2, noise=1.0))
    assert set(table["verdict"]) == {"inconclusive"}
    assert (table["seeds_to_decide"] > 2).all()


def test_two_thousand_runs_take_less_than_five_seconds():
    effects = {f"method{k}": {"rearrange": 0.0, "corrupted_data": -0.2} for k in range(23)}
    results = study(effects, networks=("vgg19", "resnet32"), prune_ratios=(0.9, 0.95, 0.98))
    assert len(results) >= 2000
    start = time.process_time()
    assert len(judged(results)) == 92
    assert time.process_time() - start < 5
