"""Wrong claims in simulated studies with a known truth: in at most 5 % of studies, under every distribution."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[2]
STUDIES = {1: 400, 12: 100, 60: 25}


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module("calibrate_verdicts")
    sys.path.remove(str(ROOT / "benchmarks"))


def worst(script, name, distribution, design, effects, studies):
    """Shares of studies with a wrong word, at the most favourable look or by the driver, whichever is worse."""
    rows = pd.DataFrame(
        script.calibrate(script.Scenario(name, distribution, design, tuple(effects), studies))
    )
    found = rows[rows["stopped"].isin([script.HINDSIGHT, script.DRIVER])][list(script.KINDS)].max()
    return (found.fillna(0.0) / 100).to_dict()


def at_most(rate, trials):
    """Largest share of `trials` that an error rate gives except once in ten thousand cases."""
    return stats.binom.ppf(0.9999, trials, rate) / trials


DISTRIBUTIONS = [
    "normal, published spreads", "exponential, tail up", "exponential, tail down", "t with 2 degrees",
    "30 points lost in 10 % of runs", "collapse in 20 % of runs", "360 test images",
    "exponential, a quarter of them",
]  # fmt: skip


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("family", [1, 12])
def test_wrong_claims_are_rare_under_every_distribution_at_the_most_favourable_look(
    script, distribution, family
):
    design = script.Design(family)
    for effects in script.nulls(design):
        found = worst(
            script, distribution, script.DISTRIBUTIONS[distribution], design, effects, STUDIES[family]
        )
        assert max(found.values()) <= at_most(0.05, STUDIES[family])


def test_where_all_scatter_alike_the_peers_mislead_no_one(script):
    design = script.Design(17, 2, (5,), 1.0)
    for distribution in script.ALIKE.values():
        for effects in script.nulls(design):
            assert max(worst(script, "alike", distribution, design, effects, 100).values()) <= at_most(
                0.05, 100
            )


def test_following_the_advice_errs_no_more(script):
    distribution = script.DISTRIBUTIONS["normal, published spreads"]
    scenario = script.Scenario("advice", distribution, script.Design(12), (0.0, 0.0, 0.0), 20, advice=True)
    row = next(row for row in script.calibrate(scenario) if row["stopped"] == "by the advice")
    assert row["uses"] / 100 <= at_most(0.05, 20)


def test_averaging_over_prune_ratios_hides_nothing(script):
    distribution = script.DISTRIBUTIONS["normal, deviations .15/.25/.5"]
    for effects in script.BY_RATIO.values():
        found = worst(script, "by ratio", distribution, script.Design(1), effects, STUDIES[1])
        assert found["ignores"] <= at_most(0.05, STUDIES[1])


def test_the_simulation_can_see_errors(script, monkeypatch):
    # The plain t test breaks the level under exponential noise.
    plain = lambda statistic, pairs, skewed: stats.t.sf(statistic, pairs - 1)  # noqa: E731
    monkeypatch.setattr("prunepipe.verdicts.evidence.own_tail", plain)
    distribution = script.DISTRIBUTIONS["exponential, tail up"]
    assert worst(script, "plain t", distribution, script.Design(12), (0.0, 0.0, 0.0), 100)["uses"] > 0.2


def test_on_the_published_table_no_check_makes_learning_rate_rewinding_not_sane(script):
    rows = script.published(studies=60)
    assert all(row["not sane"] == "-" or float(row["not sane"]) <= 5 for row in rows)
    words = {(row["network"], row["check"], row["seeds"]): row for row in rows}
    assert int(words["vgg19", "half_dataset", 50]["ignores"]) == 0
    assert int(words["resnet32", "shuffle_weights", 20]["uses"]) == 100


def test_looks_decide_as_they_are_said_to(script):
    row = script.alike(20)[1]
    assert row["seeds"] == 8
    assert int(row["effect 0"]) > 25
    assert int(row["effect -3"]) > 95


def test_the_documents_are_the_script_s_and_hold_the_level(script):
    table = script.read(ROOT / "docs" / "calibration.csv")
    assert set(table["comparisons"]) == {1, 12, 17, 60}
    assert set(script.DISTRIBUTIONS) | set(script.ALIKE) <= set(table["distribution"])
    assert table[list(script.KINDS)].max().max() <= 5
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert script.markdown(script.worst(table)) in text
