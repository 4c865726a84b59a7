"""Verdicts: known answers, metamorphic relations, bad input, and two controls of the battery itself."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_frames import collapse, lose, pick, study
from scipy import stats

from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.verdicts import VERDICT_COLUMNS, WORDS, method_summaries, prune_ratio_effects, verdicts

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


def test_p_ignores_adjusts_the_better_of_equivalence_and_gain():
    table = judged(study({"a": {"x": 0.0, "y": 1.5}}))
    harmless = table[["p_equivalent", "p_better"]].min(axis=1)
    assert table["p_ignores"].min() == pytest.approx(2 * harmless.min())


@pytest.mark.parametrize(
    ("effect", "noise", "word", "phrase"),
    [
        (0.0, 0.1, "ignores", "which is none within the margin of 0.5"),
        (-1.0, 0.1, "uses", "worse by more than chance"),
        (
            -0.2,
            0.005,
            "ignores",
            "which is none within the margin",
        ),  # significant, but shown to be below the margin
        (1.5, 0.1, "ignores", "better by more than chance"),
        (-0.3, 1.0, "inconclusive", "seeds would decide it"),
        (0.0, 2.0, "inconclusive", "seeds would decide it"),
    ],
)
def test_the_word_and_its_reason(effect, noise, word, phrase):
    row = only(study({"snip": {"rearrange": effect}}, noise=noise))
    assert row["verdict"] == word
    assert phrase in row["reason"]
    assert pd.notna(row["seeds_to_decide"]) == (word == "inconclusive")


def test_a_larger_margin_forgives_more():
    results = study({"snip": {"rearrange": -1.0}}, noise=0.2)
    assert only(results, margin=0.5)["verdict"] == "uses"
    assert only(results, margin=2.0)["verdict"] == "ignores"


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
    assert (row["verdict"], back["verdict"]) == ("uses", "ignores")


def test_the_unpruned_network_is_no_method():
    results = study(BOTH)
    dense = study({"full_network": {"half_dataset": -5.0}}, prune_ratios=(0.0,))
    pd.testing.assert_frame_equal(judged(pd.concat([results, dense], ignore_index=True)), judged(results))


# collapse


def test_a_fully_collapsed_comparison_is_collapsed_and_never_harm():
    row = only(collapse(study(ONE), check="rearrange"))
    assert row["verdict"] == "collapsed"
    assert np.isnan(row["effect"])
    assert "no path from input to output" in row["reason"]
    assert row["collapsed_pairs"] == row["expected_pairs"] == 10


@pytest.mark.parametrize("check", ["none", "rearrange", ["none", "rearrange"]])
def test_a_collapsed_prune_ratio_is_set_aside_whichever_side_collapsed(check):
    results = study(ONE, prune_ratios=(0.9, 0.95, 0.98))
    row = only(collapse(results, prune_ratio=0.98, check=check))
    reference = only(results[results["prune_ratio"] != 0.98])
    assert row["effect"] == reference["effect"]
    assert row["prune_ratios"] == "0.9, 0.95"
    side = {"none": "without", "rearrange": "with the check"}.get(str(check), "with the check and without")
    assert row["gaps"] == f"collapsed: 0.98 (5 of 5 seeds, {side})"
    assert f"Not in the comparison: {row['gaps']}." in row["reason"]


def test_accuracy_at_chance_without_the_flag_is_a_real_loss():
    results = study(ONE)
    fallen = results["accuracy"].mask(pick(results, check="rearrange"), 10.0 + results["accuracy"] / 100)
    assert only(results.assign(accuracy=fallen))["verdict"] == "uses"


def test_one_collapsed_seed_among_five_leaves_four():
    results = study(ONE)
    row = only(collapse(results, check="rearrange", seed=3))
    reference = only(results[results["seed"] != 3])
    assert (row["seeds"], row["expected_seeds"], row["verdict"]) == (4, 5, "ignores")
    assert (row["effect"], row["p_equivalent"]) == (reference["effect"], reference["p_equivalent"])


def test_one_collapsed_pair_keeps_the_block_balanced():
    results = study(ONE, prune_ratios=(0.9, 0.95, 0.98))
    row = only(collapse(results, check="rearrange", seed=3, prune_ratio=0.98))
    assert (row["seeds"], row["pairs"], row["prune_ratios"]) == (4, 12, "0.9, 0.95, 0.98")
    assert row["gaps"] == (
        "collapsed: 0.98 (1 of 5 seeds, with the check); left out so that every seed covers the same prune ratios:"
        " 0.9 (1 of 5 seeds), 0.95 (1 of 5 seeds)"
    )


def test_two_collapsed_pairs_of_five_cost_the_prune_ratio_instead_of_the_seeds():
    results = study(ONE, prune_ratios=(0.9, 0.95, 0.98))
    row = only(collapse(results, check="rearrange", seed=[1, 3], prune_ratio=0.98))
    assert (row["seeds"], row["pairs"], row["prune_ratios"]) == (5, 10, "0.9, 0.95")


# gaps


def test_a_missing_run_is_a_visible_gap_with_its_cause():
    row = only(lose(study(ONE), check="none", seed=2, cause="error: no space left"))
    assert (row["seeds"], row["expected_seeds"], row["missing_pairs"]) == (4, 5, 2)
    assert row["gaps"] == (
        "missing: 0.9 (1 of 5 seeds, without: error: no space left), 0.95 (1 of 5 seeds, without: error: no space left)"
    )


def test_seeds_on_one_side_only_are_expected_on_both():
    results = study(ONE)
    row = only(results[~pick(results, check="rearrange", seed=[3, 4])])
    assert (row["seeds"], row["expected_seeds"], row["missing_pairs"]) == (3, 5, 4)
    assert "with the check: no such run in the results" in row["gaps"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_accuracy_that_is_no_number_is_set_aside_and_said(value):
    results = study(ONE)
    row = only(
        results.assign(accuracy=results["accuracy"].mask(pick(results, check="rearrange", seed=0), value))
    )
    assert (row["seeds"], row["missing_pairs"]) == (4, 2)
    assert "accuracy is not a number: 0.9 (1 of 5 seeds, with the check)" in row["gaps"]


def test_one_seed_gives_no_verdict_and_says_so():
    row = only(study({"snip": {"rearrange": -20.0}}, seeds=1))
    assert row["verdict"] == "inconclusive"
    assert "cannot be judged from one seed" in row["reason"]
    assert pd.isna(row["seeds_to_decide"])


def test_no_run_without_the_check_is_inconclusive_not_an_error():
    results = study(ONE)
    row = only(results[results["check"] != "none"])
    assert (row["verdict"], row["seeds"]) == ("inconclusive", 0)
    assert "no pair of runs can be compared" in row["reason"]


def test_a_study_still_running_is_not_called_collapsed():
    results = collapse(study(ONE), seed=0, check="rearrange")
    row = only(lose(results, seed=[1, 2, 3, 4], check="none"))
    assert (row["verdict"], row["collapsed_pairs"], row["missing_pairs"]) == ("inconclusive", 2, 8)


def test_no_rows_give_an_empty_table():
    assert list(judged(study(ONE).iloc[:0])) == VERDICT_COLUMNS
    assert judged(study({"snip": {}})).empty
    assert method_summaries(judged(study({"snip": {}}))).empty


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda r: r.drop(columns=["loss", "status"]), "no column loss, status"),
        (lambda r: pd.concat([r, r.iloc[[0]]]), "listed twice"),
        (lambda r: r.assign(seed=r["seed"].mask(r["seed"] == 1)), "empty values in column seed"),
        (lambda r: r.assign(accuracy=r["accuracy"].mask(r["seed"] == 1, 400.0)), "expected percent, 0-100"),
        (lambda r: r.assign(accuracy="high"), "column accuracy holds something else than numbers"),
    ],
)
def test_results_that_cannot_be_read_are_refused_with_the_reason(spoil, text):
    with pytest.raises(ArtifactError, match=text):
        judged(spoil(study(ONE)))


def test_the_margin_is_checked():
    with pytest.raises(ConfigError, match="margin"):
        judged(study(ONE), margin=0.0)


# zero variance


def identical(results, also_loss=True):
    """Give every checked run the outcome of its run without the check."""
    keys = ["ticket", "network", "prune_ratio", "seed"]
    plain = results[results["check"] == "none"].set_index(keys)
    columns = ["accuracy", "loss"] if also_loss else ["accuracy"]
    place = pd.MultiIndex.from_frame(results[keys])
    return results.assign(**{column: plain[column].reindex(place).to_numpy() for column in columns})


@pytest.mark.parametrize("seeds", [2, 5])
def test_identical_runs_ignore_the_check_for_certain_and_leave_the_family(seeds):
    random = identical(study({"random": {"corrupted_data": 0.0}}, seeds=seeds))
    row = only(random)
    assert (row["verdict"], row["family_size"]) == ("ignores", 0)
    assert (row["effect"], row["interval_low"], row["interval_high"]) == (0.0, 0.0, 0.0)
    assert "identical to the run without it" in row["reason"]
    both = judged(pd.concat([random, study(ONE, seeds=seeds)], ignore_index=True))
    assert both["family_size"].tolist() == [1, 1]


def test_one_identical_seed_is_still_one_seed():
    assert only(identical(study(ONE, seeds=1)))["verdict"] == "inconclusive"


def test_equal_accuracies_of_different_runs_are_judged_by_the_sign_test():
    few, many = (only(identical(study(ONE, seeds=n), also_loss=False)) for n in (4, 5))
    assert (few["p_equivalent"], few["verdict"], few["seeds_to_decide"]) == (1 / 16, "inconclusive", 5)
    assert (many["p_equivalent"], many["verdict"]) == (1 / 32, "ignores")


def test_the_same_loss_in_every_seed_is_judged_by_the_sign_test():
    row = only(study({"snip": {"rearrange": -2.0}}, noise=0.0))
    assert (row["p_worse"], row["verdict"], row["standard_deviation"]) == (1 / 32, "uses", 0.0)
    assert "the same in all seeds" in row["reason"]


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


# fuzz and speed


@given(data=st.data(), seeds=st.integers(1, 4), margin=st.sampled_from([0.05, 0.5, 5.0]))
@settings(max_examples=60, deadline=None)
def test_gaps_never_end_in_a_traceback_and_always_in_one_of_four_words(data, seeds, margin):
    results = study(BOTH, seeds=seeds)
    size = len(results)
    values = st.one_of(st.floats(0, 100), st.sampled_from([np.nan, np.inf, -np.inf, 10.0, 80.0]))
    results["accuracy"] = data.draw(st.lists(values, min_size=size, max_size=size))
    results["loss"] = data.draw(st.sampled_from([np.nan, 0.5]))
    results["collapsed"] = data.draw(
        st.lists(st.sampled_from([True, False, None]), min_size=size, max_size=size)
    )
    results["status"] = data.draw(
        st.lists(st.sampled_from(["done", "done", "missing", None]), min_size=size, max_size=size)
    )
    results["cause"] = data.draw(st.sampled_from([None, "", np.nan, "killed"]))
    results = results[data.draw(st.lists(st.booleans(), min_size=size, max_size=size))]
    table = judged(results, margin=margin)
    assert set(table["verdict"]) <= set(WORDS)
    assert all(sentence.endswith(".") for sentence in table["reason"])
    assert set(method_summaries(table)["summary"]) <= {"sane", "not sane", "undecided"}
    needed = table["seeds_to_decide"].notna()
    assert (table["seeds_to_decide"] > table["seeds"])[needed].all()
    prune_ratio_effects(results, margin=margin)


def test_the_table_survives_a_csv(tmp_path):
    results = lose(study(BOTH), ticket="snip", seed=1, cause="killed")
    results.to_csv(tmp_path / "results.csv", index=False)
    again = judged(pd.read_csv(tmp_path / "results.csv"))
    pd.testing.assert_frame_equal(again, judged(results))


def test_two_thousand_runs_take_less_than_five_seconds():
    effects = {f"method{k}": {"rearrange": 0.0, "corrupted_data": -0.2} for k in range(23)}
    results = study(effects, networks=("vgg19", "resnet32"), prune_ratios=(0.9, 0.95, 0.98))
    assert len(results) >= 2000
    start = time.process_time()
    assert len(judged(results)) == 92
    assert time.process_time() - start < 5
