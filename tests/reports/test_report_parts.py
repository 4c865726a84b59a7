"""The parts of the report: curves, numbers, shades of heat, drawings of effects."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_results import make_results, make_study

from prunepipe.reports.page.curves import POINTS, compact_curves
from prunepipe.reports.page.formats import number, share, signed
from prunepipe.reports.page.mask_views import level
from prunepipe.reports.page.methods import comparison_rows
from prunepipe.verdicts.judge import judge


def unpack(curve):
    """Read a compact curve as the page does."""
    level, values = 0, []
    for step in curve["d"]:
        level += step
        values.append(level / 100)
    first = curve["e"]
    epochs = first if isinstance(first, list) else list(range(first, first + len(values)))
    return epochs, values


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.floats(0, 100), st.just(float("nan"))), min_size=1, max_size=POINTS),
    st.integers(1, 50),
)
def test_compact_curves_keep_a_hundredth_of_a_point(values, first):
    epochs = range(first, first + len(values))
    frame = pd.DataFrame({"run": "one", "epoch": epochs, "test_accuracy": values})
    measured = frame.dropna()
    curves = compact_curves(frame)
    assert set(curves) == set(measured["run"])
    told_epochs, told = unpack(curves["one"]) if curves else ([], [])
    assert told_epochs == measured["epoch"].tolist()
    for value, back in zip(measured["test_accuracy"], told, strict=True):
        assert abs(back - value) < 0.00501


def test_long_curves_are_thinned_and_keep_their_ends():
    frame = pd.DataFrame({"run": "one", "epoch": range(1, 1001), "test_accuracy": np.linspace(10, 90, 1000)})
    epochs, values = unpack(compact_curves(frame)["one"])
    assert len(epochs) <= POINTS + 1
    assert (epochs[0], epochs[-1], values[0], values[-1]) == (1, 1000, 10.0, 90.0)


def test_curves_of_different_runs_are_not_mixed():
    frame = pd.DataFrame(
        {"run": ["b", "a", "b", "a"], "epoch": [2, 1, 1, 2], "test_accuracy": [20.0, 1.0, 10.0, 2.0]}
    )
    curves = compact_curves(frame)
    assert unpack(curves["a"]) == ([1, 2], [1.0, 2.0])
    assert unpack(curves["b"]) == ([1, 2], [10.0, 20.0])


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (number, -1.239, "−1.24"),
        (number, -0.001, "0.00"),
        (number, float("nan"), "–"),
        (signed, 0.4, "+0.40"),
        (signed, -0.004, "0.00"),
        (signed, -2.0, "−2.00"),
        (share, 0.98, "98"),
        (share, 0.05, "5.0"),
        (share, 0.000063, "0.0063"),
        (share, 0, "0"),
    ],
)
def test_numbers_are_written_with_what_matters(write, value, text):
    assert write(value) == text


def test_denser_layers_are_darker():
    densities = [1e-5, 1e-3, 1e-2, 0.1, 0.5, 1.0]
    levels = [int(level(density)) for density in densities]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (1, 9)
    assert (level(0.0), level(float("nan"))) == ("none", "unknown")


def test_drawings_of_effects_stay_inside_and_say_where_they_do_not():
    study = make_study(seeds=[0, 1])
    rows = comparison_rows(judge(make_results(study, noise=3.0), study))
    strips = [row["strip"] for row in rows if row["strip"]]
    assert strips
    for strip in strips:
        assert 0 <= strip["low"] <= strip["effect"] <= strip["high"] <= 150
        assert strip["margin_low"] < strip["zero"] < strip["margin_low"] + strip["margin_width"]
    assert any(strip["beyond_low"] or strip["beyond_high"] for strip in strips)
