"""Verdicts when something is wrong: collapse, gaps, bad input, zero variance, and anything at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_frames import collapse, lose, pick, study

from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.verdicts.verdicts import (
    VERDICT_COLUMNS,
    WORDS,
    method_summaries,
    prune_ratio_effects,
    verdicts,
)

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


def test_some_identical_runs_are_no_certainty():
    results = study(ONE, noise=1.0)
    row = only(identical(results).where(results["seed"] == 2, results))
    assert row["verdict"] == "inconclusive"
    assert row["family_size"] == 1


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


# anything at all


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
