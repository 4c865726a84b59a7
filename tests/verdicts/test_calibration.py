"""Wrong claims in simulated studies with a known truth: in at most 5 % of studies, under every law."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from scipy import stats

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "calibrate_verdicts.py"
STUDIES = {1: 400, 12: 100, 60: 25}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("calibrate_verdicts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its NamedTuple looks itself up
    spec.loader.exec_module(module)
    module.STUDIES.update(STUDIES)
    return module


def shares(cell):
    return 0.0 if cell == "-" else float(cell.split()[0]) / 100


def at_most(rate, trials):
    """Largest share of `trials` that an error rate gives except once in ten thousand cases."""
    return stats.binom.ppf(0.9999, trials, rate) / trials


LAWS = [
    "normal, published spreads", "exponential, tail up", "exponential, tail down", "t with 2 degrees",
    "30 points lost in 10 % of runs", "collapse in 20 % of runs", "360 test images",
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("family", [1, 12])
def test_wrong_claims_are_rare_under_every_law_at_the_most_favourable_look(script, law, family):
    for effects in script.NULLS.values():
        worst = script.calibrate(law, script.LAWS[law], effects, family, advice=False)[-1]
        assert worst["stopped"] == "at the most favourable look"
        for word in ("wrong `uses`", "wrong `ignores`"):
            assert shares(worst[word]) <= at_most(0.05, STUDIES[family])


def test_following_the_advice_errs_no_more(script):
    script.STUDIES[12] = 160
    name = "normal, published spreads"
    rows = script.calibrate(name, script.LAWS[name], (0.0, 0.0, 0.0), 12, advice=True)
    row = next(row for row in rows if row["stopped"] == "by the advice")
    assert shares(row["wrong `uses`"]) <= at_most(0.05, 20)
    script.STUDIES.update(STUDIES)


def test_averaging_over_prune_ratios_hides_nothing(script):
    for effects in script.BY_RATIO.values():
        worst = script.calibrate(
            "deviations", script.LAWS["normal, deviations .15/.25/.5"], effects, 1, advice=False
        )[-1]
        assert shares(worst["wrong `ignores`"]) <= at_most(0.05, STUDIES[1])


def test_the_simulation_can_see_errors(script, monkeypatch):
    # With the sample's own spread, exponential noise breaks the level.
    monkeypatch.setattr("prunepipe.verdicts.evidence.cautious", lambda spread, floor: spread)
    law = "exponential, tail up"
    worst = script.calibrate(law, script.LAWS[law], (0.0, 0.0, 0.0), 12, advice=False)[-1]
    assert shares(worst["wrong `uses`"]) > 0.2


def test_on_the_published_table_no_check_makes_learning_rate_rewinding_not_sane(script):
    rows = script.published(studies=60)
    assert all(shares(row["not sane"]) <= 0.05 for row in rows)
    words = {(row["network"], row["check"], row["seeds"]): row for row in rows}
    assert int(words["vgg19", "half_dataset", 50]["ignores"]) == 0
    assert int(words["resnet32", "shuffle_weights", 20]["uses"]) == 100


def test_the_document_is_the_script_s_and_holds_the_level(script):
    text = (SCRIPT.parents[1] / "docs" / "calibration.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.split("## Power")[0].splitlines() if line.startswith("| ")]
    names = [name.strip("| ") for name in rows[0]]
    at = [names.index("wrong `uses`"), names.index("wrong `ignores`")]
    cells = [row[k] for row in rows[2:] for k in at]
    assert len(cells) > 150
    assert max(shares(cell.strip("| ")) for cell in cells) <= 0.05
