"""Verdicts: known answers, the words, metamorphic relations, and speed."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_frames import collapse, judged, lose, only, pick, study
from scipy import stats

from prunepipe.errors import ConfigError
from prunepipe.study.rows import VerdictRule
from prunepipe.validation import validated
from prunepipe.verdicts.rows import EFFECT_COLUMNS
from prunepipe.verdicts.sanity import method_summaries
from prunepipe.verdicts.verdicts import assessments, effects_by_look

ONE = {"snip": {"rearrange": 0.0}}
BOTH = {
    "snip": {"corrupted_data": 0.0, "rearrange": 0.0},
    "learning_rate_rewinding": {"corrupted_data": -2.0, "shuffle_weights": -3.0},
}


def single(effect, *, seeds=20, noise=0.2, **options):
    return study({"snip": {"rearrange": effect}}, seeds=seeds, noise=noise, prune_ratios=(0.9,), **options)


def differences(results, check="rearrange"):
    """[seeds, prune ratios] of a study with one ticket, by hand."""
    wide = results.pivot_table(index=["seed", "prune_ratio"], columns="check", values="accuracy")
    return (wide[check] - wide["none"]).unstack("prune_ratio").to_numpy()


# known answers


def test_effect_and_interval_are_those_of_the_seeds_of_the_last_look():
    results = study(ONE, seeds=10, prune_ratios=(0.9, 0.98))
    table = judged(results)
    own = differences(results)[:8]
    assert table["look"].tolist() == [8, 8]
    assert table["effect"].to_numpy() == pytest.approx(own.mean(axis=0))
    interval = stats.ttest_1samp(own, 0).confidence_interval(0.9)
    assert table["interval_low"].to_numpy() == pytest.approx(interval.low)
    assert table["interval_high"].to_numpy() == pytest.approx(interval.high)
    assert table["prune_ratio"].tolist() == [0.9, 0.98]


def test_damage_at_one_prune_ratio_is_not_averaged_away():
    results = study(ONE, seeds=20, prune_ratios=(0.9, 0.95, 0.98))
    shift = results["prune_ratio"].map({0.9: 2.0, 0.95: 0.0, 0.98: -2.0}) * (results["check"] != "none")
    table = judged(results.assign(accuracy=results["accuracy"] + shift))
    assert table["verdict"].tolist() == ["improves", "inconclusive", "uses"]  # 95 % waits for 90 %
    assert method_summaries(table)["summary"].tolist() == ["undecided"]


def test_a_check_that_collapses_networks_never_lets_a_method_ignore_it():
    # At 95 % nothing happens; at 98 % the check collapses 4 of 5 networks and costs the fifth 53 points.
    results = study({"lottery": {"corrupted_data": -0.1}}, prune_ratios=(0.95, 0.98), noise=0.3)
    results = collapse(results, check="corrupted_data", prune_ratio=0.98, seed=[0, 1, 2, 3])
    fifth = pick(results, check="corrupted_data", prune_ratio=0.98, seed=4)
    results["accuracy"] -= 53 * fifth
    table = judged(results, margin=2.0, looks=[5])
    assert table["verdict"].tolist() == ["ignores", "inconclusive"]
    assert "The check collapses 4 of 5 networks, 0 collapse without it" in table["reason"][1]
    assert table["effect"][1] == pytest.approx(-53, abs=1)
    summary = method_summaries(table).iloc[0]
    assert summary["summary"] == "undecided"
    assert "ignores at 95 %, inconclusive at 98 %" in summary["why"]


def test_more_seeds_turn_a_small_loss_into_uses_little_and_never_into_ignores():
    # The published loss of LR rewinding under half of the data, within the margin.
    tables = [judged(single(-0.4, seeds=400, noise=0.4, generator_seed=k), looks=[400]) for k in range(5)]
    assert {table["verdict"][0] for table in tables} == {"uses little"}


@pytest.mark.parametrize(
    ("effect", "noise", "word", "phrase"),
    [
        (0.0, 0.1, "ignores", "shown to be less than 0.5, up or down"),
        (-1.0, 0.1, "uses", "lower by more than chance"),
        (-0.2, 0.02, "uses little", "but by less than the margin of 0.5"),
        (1.5, 0.1, "improves", "higher by more than chance"),
        (0.2, 0.02, "ignores", "shown to be less than 0.5"),
        (-0.3, 1.0, "inconclusive", "this was the last look"),
    ],
)
def test_the_word_and_its_reason(effect, noise, word, phrase):
    row = only(single(effect, noise=noise))
    assert row["verdict"] == word
    assert phrase in row["reason"]


def test_an_open_row_says_what_would_decide_and_how_likely_the_next_look_does():
    row = only(single(-0.3, seeds=9, noise=0.3))
    assert (row["verdict"], row["look"], row["next_look"]) == ("inconclusive", 8, 12)
    assert 0 <= row["probability"] <= 1
    assert f"below {row['uses_below']:.2f} would be `uses`" in row["reason"]
    assert f"decided with probability {row['probability']:.1f}" in row["reason"]


def test_the_family_is_all_prune_ratios_and_checks_of_a_study_and_no_other_study():
    effects = {"snip": {"rearrange": 0.0, "corrupted_data": -0.3}, "grasp": {"rearrange": -0.2}}
    first = study(effects, networks=("vgg19", "resnet32"))
    second = study(ONE, study="another", generator_seed=3)
    table = judged(pd.concat([first, second], ignore_index=True))
    assert table.groupby("study")["family_size"].first().to_dict() == {"another": 2, "simulated": 12}
    own = table[table["study"] == "another"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own[["verdict", "family_size"]], judged(second)[["verdict", "family_size"]])
    assert own["p_uses"].to_numpy() == pytest.approx(judged(second)["p_uses"].to_numpy())


def test_a_larger_margin_forgives_more():
    results = single(-1.0, noise=0.2)
    assert only(results, margin=0.5)["verdict"] == "uses"
    assert only(results, margin=3.0)["verdict"] == "uses little"


def test_seeds_beyond_the_look_do_not_count():
    results = single(-0.5, seeds=12)
    spoiled = results["accuracy"].mask(results["seed"] >= 8, 1.0)
    before, after = only(results, looks=[8]), only(results.assign(accuracy=spoiled), looks=[8])
    assert before.drop("reason").equals(after.drop("reason"))


def test_the_order_of_the_study_says_which_seeds_come_first():
    results = single(0.0, seeds=6)
    row = only(results, looks=[5], seeds=[5, 3, 1, 0, 2, 4])
    assert row["effect"] == pytest.approx(differences(results)[[5, 3, 1, 0, 2], 0].mean())


# looks


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("looks", [], "numbers of seeds from 3"),
        ("looks", [2, 5], "numbers of seeds from 3"),
        ("looks", [5, 3], "must ascend"),
        ("looks", [5, 5], "must ascend"),
        ("margin", 0.0, "greater than 0"),
        ("significance", 0.5, "less than 0.5"),
    ],
)
def test_an_impossible_rule_is_refused_in_one_line(key, value, text):
    with pytest.raises(ConfigError, match=rf"^verdict: {key}: .*{text}"):
        validated(VerdictRule, {key: value}, "verdict")


def test_effects_are_described_at_every_look_that_is_reached():
    table = effects_by_look(assessments(lose(single(-1.0, seeds=12), seed=9), VerdictRule()))
    assert list(table) == EFFECT_COLUMNS
    assert table["look"].tolist() == [3, 5, 8]
    assert table["p_harm"].is_monotonic_decreasing


# metamorphic


@given(st.floats(-60, 20))
@settings(max_examples=20, deadline=None)
def test_shifting_all_accuracies_changes_nothing(shift):
    results = study(BOTH, base=75.0)
    plain, moved = judged(results), judged(results.assign(accuracy=results["accuracy"] + shift))
    assert plain["verdict"].tolist() == moved["verdict"].tolist()
    assert plain["p_uses"].to_numpy() == pytest.approx(moved["p_uses"].to_numpy(), rel=1e-4)


def test_a_constant_per_seed_and_prune_ratio_cancels():
    results = study(BOTH)
    constant = results["seed"] * 1.7 - results["prune_ratio"] * 20
    moved = judged(results.assign(accuracy=results["accuracy"] + constant))
    for column in ("effect", "standard_deviation"):
        assert moved[column].to_numpy() == pytest.approx(judged(results)[column].to_numpy())


def test_permuting_the_rows_changes_only_their_order():
    results = lose(study(BOTH, seeds=8), ticket="snip", check="none", prune_ratio=0.9, seed=6)
    keys = ["ticket", "check", "prune_ratio"]
    plain, shuffled = judged(results), judged(results.sample(frac=1, random_state=1))
    columns = [column for column in plain if column not in {"probability", "reason"}]  # drawn in order
    pd.testing.assert_frame_equal(
        plain.sort_values(keys, ignore_index=True)[columns],
        shuffled.sort_values(keys, ignore_index=True)[columns],
    )


def test_swapping_check_and_none_turns_harm_into_gain():
    results = single(-1.0)
    swapped = results.assign(check=results["check"].map({"none": "rearrange", "rearrange": "none"}))
    row, back = only(results), only(swapped)
    assert back["effect"] == pytest.approx(-row["effect"])
    assert (row["verdict"], back["verdict"]) == ("uses", "improves")
    assert back["p_gains"] == pytest.approx(row["p_uses"])


def test_the_unpruned_network_is_no_method():
    results = study(BOTH)
    dense = study({"full_network": {"half_dataset": -5.0}}, prune_ratios=(0.0,))
    pd.testing.assert_frame_equal(judged(pd.concat([results, dense], ignore_index=True)), judged(results))


# controls of the battery


def test_a_method_that_uses_the_data_and_one_that_does_not_are_judged_rightly():
    table = judged(study(BOTH, networks=("vgg19", "resnet32"), seeds=20))
    assert set(table.loc[table["ticket"] == "snip", "verdict"]) == {"ignores"}
    assert set(table.loc[table["ticket"] != "snip", "verdict"]) == {"uses"}
    summary = method_summaries(table).set_index("ticket")["summary"]
    assert summary.to_dict() == {"snip": "not sane", "learning_rate_rewinding": "sane"}


def test_two_thousand_comparisons_take_less_than_ten_seconds():
    effects = {f"method{k}": {"rearrange": 0.0, "corrupted_data": -0.2} for k in range(1000)}
    results = study(effects, prune_ratios=(0.9,), seeds=8)
    start = time.process_time()
    table = judged(results)
    method_summaries(table)
    assert time.process_time() - start < 10
    assert len(table) == 2000
    assert np.isfinite(table["p_uses"]).all()
