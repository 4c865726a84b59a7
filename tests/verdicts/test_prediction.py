"""Rank correlations between the state before retraining and the accuracy after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prunepipe.reports.page.prediction import prediction_rows
from prunepipe.verdicts.prediction import predictions


def runs(before: np.ndarray, after: np.ndarray, ratios: np.ndarray, **columns: object) -> pd.DataFrame:
    values = {"accuracy_before": before, "loss_before": -before, "accuracy": after, "prune_ratio": ratios}
    place = {
        "dataset": "digits",
        "network": "vgg_digits",
        "ticket": "snip",
        "status": "done",
        "collapsed": False,
    }
    return pd.DataFrame({**values, **place, **columns})


def test_with_one_prune_ratio_it_is_spearmans_correlation() -> None:
    generator = np.random.default_rng(0)
    before = generator.normal(size=30)
    after = before + generator.normal(size=30)
    (found,) = predictions(runs(before, after, np.full(30, 0.9))).to_dict("records")
    expected = stats.spearmanr(before, after).statistic
    assert found["accuracy_before_rho"] == pytest.approx(expected)
    assert found["loss_before_rho"] == pytest.approx(expected)
    assert found["accuracy_before_low"] < expected < found["accuracy_before_high"]


def test_what_the_prune_ratio_explains_does_not_count() -> None:
    generator = np.random.default_rng(1)
    ratios = np.repeat([0.5, 0.9, 0.99], 200)
    before, after = (-50 * ratios + generator.normal(size=600) for _ in range(2))
    (found,) = predictions(runs(before, after, ratios)).to_dict("records")
    assert stats.spearmanr(before, after).statistic > 0.8
    assert abs(found["accuracy_before_rho"]) < 0.1


def test_intervals_cover_the_true_correlation() -> None:
    generator = np.random.default_rng(2)
    true = 6 / np.pi * np.arcsin(0.5 / 2)  # Spearman's, of normal values that correlate by 0.5
    pairs = generator.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=300 * 40)
    tickets = runs(pairs[:, 0], pairs[:, 1], np.full(300 * 40, 0.9)).assign(
        ticket=np.repeat(np.arange(300), 40)
    )
    found = predictions(tickets)
    covered = found["accuracy_before_low"].le(true) & found["accuracy_before_high"].ge(true)
    assert len(covered) == 300
    assert 0.91 < covered.mean() < 0.99


def test_collapsed_and_missing_runs_are_left_out_and_constant_starts_have_no_correlation() -> None:
    before, after = np.full(10, 10.0), np.arange(10.0)
    results = runs(before, after, np.full(10, 0.9))
    results.loc[0, "collapsed"] = True
    results.loc[1, "status"] = "missing"
    results.loc[1, "accuracy"] = np.nan
    (found,) = predictions(results).to_dict("records")
    assert found["cells"] == 8
    assert np.isnan(found["accuracy_before_rho"])
    assert prediction_rows(results)[0]["accuracy_before"] == "–"


def test_results_of_older_versions_have_none() -> None:
    results = runs(np.arange(10.0), np.arange(10.0), np.full(10, 0.9))
    assert prediction_rows(results.drop(columns=["accuracy_before", "loss_before"])) == []
    assert prediction_rows(results.assign(accuracy_before=np.nan, loss_before=np.nan)) == []
