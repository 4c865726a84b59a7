"""Verdicts when something is wrong: collapse, gaps, bad input, zero variance, and anything at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_frames import collapse, judged, lose, only, pick, study

from prunepipe.errors import ArtifactError
from prunepipe.study.rows import VerdictRule
from prunepipe.verdicts.rows import VERDICT_COLUMNS
from prunepipe.verdicts.sanity import method_summaries
from prunepipe.verdicts.verdicts import assessments, effects_by_look
from prunepipe.verdicts.words import WORDS

ONE = {"snip": {"rearrange": 0.0}}
BOTH = {
    "snip": {"corrupted_data": 0.0, "rearrange": 0.0},
    "learning_rate_rewinding": {"half_dataset": -1.0, "shuffle_weights": -2.0},
}


def single(**options):
    return study(ONE, prune_ratios=(0.9,), **options)


# collapse


@pytest.mark.parametrize("check", ["none", ["none", "rearrange"]])
def test_where_networks_collapse_without_the_check_too_nothing_is_judged(check):
    row = only(collapse(single(), check=check))
    assert (row["verdict"], row["pairs"], row["collapsed_reference"]) == ("not judged", 0, 5)
    assert np.isnan(row["effect"])
    assert "without rearrange, too, the network collapsed in all 5 seeds" in row["reason"]


@pytest.mark.parametrize(("seeds", "word"), [(5, "inconclusive"), (12, "collapses")])
def test_collapse_under_the_check_alone_has_its_own_word_and_is_never_harm(seeds, word):
    row = only(collapse(single(seeds=seeds), check="rearrange"))
    assert (row["verdict"], row["p_uses"], row["collapsed"], row["collapsed_reference"]) == (
        word,
        1,
        seeds,
        0,
    )
    assert f"The check collapses {seeds} of {seeds} networks, 0 collapse without it" in row["reason"]


def test_one_collapsed_network_blocks_ignores():
    results = single(seeds=20, noise=0.05)
    assert only(results)["verdict"] == "ignores"
    assert only(collapse(results, seed=19))["verdict"] == "inconclusive"


def test_harm_to_the_networks_that_did_not_collapse_counts():
    results = study({"snip": {"rearrange": -9.0}}, prune_ratios=(0.9,), seeds=8)
    row = only(collapse(results, check="rearrange", seed=[0, 1]))
    assert (row["verdict"], row["pairs"], row["look"]) == ("uses", 6, 8)


def test_collapse_at_one_prune_ratio_leaves_the_others_alone():
    results = study(ONE, prune_ratios=(0.9, 0.98), seeds=8)
    first = judged(results).iloc[0]
    row = judged(collapse(results, check="rearrange", prune_ratio=0.98)).iloc[0]
    assert (row["effect"], row["p_ignores"], row["pairs"]) == (first["effect"], row["p_ignores"], 8)


def test_accuracy_at_chance_without_the_flag_is_a_real_loss():
    results = single()
    fallen = results["accuracy"].mask(pick(results, check="rearrange"), 10.0 + results["accuracy"] / 100)
    assert only(results.assign(accuracy=fallen))["verdict"] == "uses"


# gaps


def test_a_look_waits_for_a_missing_partner_and_names_its_cause():
    row = only(lose(single(seeds=12), check="none", seed=6, cause="error: no space left"))
    assert (row["look"], row["pairs"], row["missing_pairs"], row["next_look"]) == (5, 5, 1, 8)
    assert row["gaps"] == "missing: 0.9 (1 of 12 seeds, without: error: no space left)"


def test_nothing_is_chosen_by_outcome_when_the_first_seed_is_missing():
    row = only(lose(study({"snip": {"rearrange": -9.0}}, prune_ratios=(0.9,), seeds=12), seed=0))
    assert (row["verdict"], row["look"], row["next_look"]) == ("inconclusive", 0, 3)
    assert "the first look is after 3 seeds" in row["reason"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_accuracy_that_is_no_number_is_set_aside_and_said(value):
    results = single()
    spoiled = results["accuracy"].mask(pick(results, check="rearrange", seed=3), value)
    row = only(results.assign(accuracy=spoiled))
    assert (row["look"], row["missing_pairs"]) == (3, 1)
    assert "accuracy is not a number: 0.9 (1 of 5 seeds, with the check)" in row["gaps"]


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_seeds_than_the_first_look_decide_nothing_and_say_so(seeds):
    row = only(study({"snip": {"rearrange": -20.0}}, seeds=seeds, prune_ratios=(0.9,)))
    assert (row["verdict"], row["look"]) == ("inconclusive", 0)
    assert "the first look is after 3 seeds" in row["reason"]


def test_no_run_without_the_check_is_inconclusive_not_an_error():
    results = single()
    row = only(results[results["check"] != "none"])
    assert (row["verdict"], row["pairs"]) == ("inconclusive", 0)
    assert "no pair of runs can be compared" in row["reason"]


def test_a_study_still_running_is_not_called_collapsed():
    results = collapse(single(), seed=0, check="rearrange")
    row = only(lose(results, seed=[1, 2, 3, 4], check="none"))
    assert (row["verdict"], row["collapsed"], row["missing_pairs"]) == ("inconclusive", 1, 4)


def test_a_seed_that_the_study_does_not_list_is_refused():
    with pytest.raises(ArtifactError, match=r"seed 4 is not in the study's list \(0, 1, 2, 3\)"):
        judged(single(), seeds=[0, 1, 2, 3])


def test_failing_runs_are_counted_beside_the_test_of_means():
    results = single(seeds=12)
    results["accuracy"] -= 30 * pick(results, check="rearrange", seed=[1, 5])
    row = only(results)
    assert (row["failed"], row["failed_reference"], row["p_failures"]) == (2, 0, 0.25)
    assert row["verdict"] == "inconclusive"
    assert "2 of 12 runs fail with the check, 0 without (more than 5 points below the others" in row["reason"]


def test_ignores_says_what_its_seeds_cannot_exclude():
    row = only(single(seeds=20, noise=0.05))
    assert "20 seeds cannot exclude that up to 14 % of runs do" in row["reason"]  # 0.86^20 = 0.05


def test_no_rows_give_an_empty_table():
    assert list(judged(study(ONE).iloc[:0])) == VERDICT_COLUMNS
    assert judged(study({"snip": {}})).empty
    assert method_summaries(judged(study({"snip": {}}))).empty
    assert effects_by_look(assessments(study({"snip": {}}), VerdictRule())).empty


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda r: r.drop(columns=["loss", "status"]), "no column loss, status"),
        (lambda r: pd.concat([r, r.iloc[[0]]]), "listed twice"),
        (lambda r: r.assign(seed=r["seed"].mask(r["seed"] == 1)), "empty values in column seed"),
        (lambda r: r.assign(accuracy=r["accuracy"].mask(r["seed"] == 1, 400.0)), "expected percent, 0-100"),
        (lambda r: r.assign(accuracy="high"), "column accuracy holds values that are not numbers"),
    ],
)
def test_results_that_cannot_be_read_are_refused_with_the_reason(spoil, text):
    with pytest.raises(ArtifactError, match=text):
        judged(spoil(study(ONE)))


# zero variance


def identical(results, also_loss=True):
    """Give every checked run the outcome of its run without the check."""
    keys = ["ticket", "network", "prune_ratio", "seed"]
    plain = results[results["check"] == "none"].set_index(keys)
    columns = ["accuracy", "loss"] if also_loss else ["accuracy"]
    place = pd.MultiIndex.from_frame(results[keys])
    return results.assign(**{column: plain[column].reindex(place).to_numpy() for column in columns})


@pytest.mark.parametrize("seeds", [2, 5])
def test_runs_that_are_identical_by_construction_are_no_control_and_leave_the_family(seeds):
    random = identical(study({"random": {"corrupted_data": 0.0}}, seeds=seeds))
    table = judged(random)
    assert set(table["verdict"]) == {"not judged"}
    assert set(table["family_size"]) == {0}
    assert "by construction: nothing is tested" in table["reason"][0]
    assert method_summaries(table)["summary"].tolist() == ["undecided"]
    both = judged(pd.concat([random, study(ONE, seeds=seeds)], ignore_index=True))
    assert set(both["family_size"]) == {2}


def test_some_identical_runs_are_no_certainty():
    results = single(noise=1.0)
    row = only(identical(results).where(results["seed"] == 2, results))
    assert (row["verdict"], row["family_size"]) == ("inconclusive", 1)


def test_equal_accuracies_of_different_runs_count_with_one_step_of_the_accuracy():
    results = identical(single(), also_loss=False)
    coarse = results.assign(accuracy=80 + results["seed"] * 0.28)
    assert only(coarse, looks=[5], margin=0.25)["verdict"] == "inconclusive"
    assert only(coarse, looks=[5], margin=3.0)["verdict"] == "ignores"


def test_where_every_accuracy_is_the_same_nothing_is_known_of_the_spread():
    assert only(single(noise=0.0))["verdict"] == "inconclusive"


# anything at all


@given(data=st.data(), seeds=st.integers(1, 4), margin=st.sampled_from([0.05, 0.5, 5.0]))
@settings(max_examples=30, deadline=None)
def test_gaps_never_end_in_a_traceback_and_always_in_one_of_the_words(data, seeds, margin):
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
    effects_by_look(assessments(results, VerdictRule(margin=margin)))


def test_the_table_survives_a_csv(tmp_path):
    results = lose(study(BOTH), ticket="snip", seed=1, cause="killed")
    results.to_csv(tmp_path / "results.csv", index=False)
    again = judged(pd.read_csv(tmp_path / "results.csv"))
    pd.testing.assert_frame_equal(again, judged(results))
