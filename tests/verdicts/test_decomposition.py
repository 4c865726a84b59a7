"""What a method gains through ratios, positions and weights: known parts, pairs, gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from results_frames import collapse, lose, study
from scipy import stats

from prunepipe.verdicts.decomposition import DECOMPOSITION_COLUMNS, PARTS, decomposition

LAYER_RATIOS, POSITIONS, SHUFFLED, REDRAWN = PARTS


def gains(noise=0.0, uniform=-5.0, **options):
    """A method whose parts are known: rearranging costs 1, shuffling 2, redrawing 3; the uniform ticket is 5 lower."""
    method = study(
        {"hybrid": {"rearrange": -1.0, "shuffle_weights": -2.0, "reinit": -3.0}}, noise=noise, **options
    )
    reference = study({"random_uniform": {}}, base=80.0 + uniform, noise=noise, generator_seed=9, **options)
    return pd.concat([method, reference], ignore_index=True)


def by_part(results, prune_ratio=0.9):
    table = decomposition(results, 0.05)
    return table[table["prune_ratio"] == prune_ratio].set_index("part")


def test_the_parts_of_a_known_method():
    table = decomposition(gains(), 0.05)
    assert list(table) == DECOMPOSITION_COLUMNS
    assert set(table["ticket"]) == {"hybrid"}
    for prune_ratio in (0.9, 0.95):
        own = table[table["prune_ratio"] == prune_ratio].set_index("part")["gain"]
        assert own.to_dict() == pytest.approx(
            {LAYER_RATIOS: 4.0, POSITIONS: 1.0, SHUFFLED: 2.0, REDRAWN: 3.0}
        )


def test_ratios_and_positions_add_up_to_the_gain_over_the_uniform_ticket():
    results = gains(noise=0.3)
    plain = results[(results["check"] == "none") & (results["prune_ratio"] == 0.9)]
    whole = plain.groupby("ticket")["accuracy"].mean()
    own = by_part(results)["gain"]
    assert own[LAYER_RATIOS] + own[POSITIONS] == pytest.approx(whole["hybrid"] - whole["random_uniform"])


def test_the_interval_is_that_of_the_paired_t_test():
    results = gains(noise=0.3)
    at = results[results["prune_ratio"] == 0.9].set_index(["check", "seed"])["accuracy"]
    difference = (at["none"].iloc[:5] - at["rearrange"]).to_numpy()
    low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.9)
    row = by_part(results).loc[POSITIONS]
    assert (row["interval_low"], row["interval_high"]) == pytest.approx((low, high))
    assert (row["seeds"], row["expected_seeds"], row["interval_level"]) == (5, 5, 0.9)


def test_what_is_subtracted_is_named():
    own = by_part(gains())
    assert own.loc[LAYER_RATIOS, ["minuend", "subtrahend"]].tolist() == [
        "hybrid (rearrange)",
        "random_uniform",
    ]
    assert own.loc[SHUFFLED, ["minuend", "subtrahend"]].tolist() == ["hybrid", "hybrid (shuffle_weights)"]


def test_a_piece_that_was_not_run_is_a_visible_gap():
    results = gains()
    results = results[(results["ticket"] != "random_uniform") & (results["check"] != "reinit")]
    own = by_part(results)
    assert own["gain"].isna().to_dict() == {
        LAYER_RATIOS: True,
        POSITIONS: False,
        SHUFFLED: False,
        REDRAWN: True,
    }
    assert own.loc[REDRAWN, "gaps"] == "missing: 0.9 (5 of 5 seeds, reinit: no such run in the results)"
    assert "uniform random: no such run in the results" in own.loc[LAYER_RATIOS, "gaps"]
    assert own.loc[POSITIONS, "gaps"] == ""


def test_collapsed_and_missing_seeds_are_left_out_and_said():
    results = collapse(gains(noise=0.3), check="rearrange", seed=0)
    results = lose(results, cause="killed", ticket="hybrid", check="none", seed=1)
    own = by_part(results)
    assert own["seeds"].to_dict() == {LAYER_RATIOS: 4, POSITIONS: 3, SHUFFLED: 4, REDRAWN: 4}
    assert own.loc[POSITIONS, "gaps"] == (
        "collapsed: 0.9 (1 of 5 seeds, rearrange); missing: 0.9 (1 of 5 seeds, none: killed)"
    )


def test_one_seed_has_a_gain_without_an_interval():
    row = by_part(gains(seeds=1)).loc[POSITIONS]
    assert row["gain"] == pytest.approx(1.0)
    assert np.isnan(row["interval_low"])


def test_two_methods_do_not_mix():
    other = study({"snip": {"rearrange": -0.5}}, noise=0.0)
    table = decomposition(pd.concat([gains(), other], ignore_index=True), 0.05)
    positions = table[table["part"] == POSITIONS].groupby("ticket")["gain"].mean()
    assert positions.to_dict() == pytest.approx({"hybrid": 1.0, "snip": 0.5})
    assert len(table) == 2 * 2 * len(PARTS)


def test_nothing_to_split_is_an_empty_table():
    assert list(decomposition(gains().iloc[:0], 0.05)) == DECOMPOSITION_COLUMNS
