"""Many questions at once: Holm against statsmodels, the sequence against the graph played out step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from prunepipe.verdicts.families import holm, in_sequence


def test_holm_multiplies_the_smallest_p_value_by_the_number_of_tests_and_never_turns_back():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.empty(0)).shape == (0,)


@settings(max_examples=8, deadline=None)  # their function is slow
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(np.array(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_of_many_studies_is_that_of_each():
    p_values = np.random.default_rng(0).random((4, 3, 7))
    assert holm(p_values)[2, 1] == pytest.approx(holm(p_values[2, 1]))


def shown_by_the_graph(p_values, level):
    """Play the procedure: levels move along a comparison, and from one that is through to the others."""
    count, ratios = p_values.shape
    share, at, shown = np.full(count, level / count), np.zeros(count, int), np.zeros(p_values.shape, bool)
    while True:
        ready = [c for c in range(count) if at[c] < ratios and p_values[c, at[c]] <= share[c]]
        if not ready:
            return shown
        c = ready[0]
        shown[c, at[c]] = True
        at[c] += 1
        left = [k for k in range(count) if at[k] < ratios and k != c]
        if at[c] == ratios and left:
            share[left] += share[c] / len(left)
            share[c] = 0.0


@settings(deadline=None, max_examples=50)
@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_the_sequence_shows_what_the_graph_shows(data, comparisons, ratios):
    values = st.floats(0, 0.2).filter(lambda p: p == 0 or p > 1e-9)
    p_values = np.array(
        data.draw(st.lists(values, min_size=comparisons * ratios, max_size=comparisons * ratios))
    )
    p_values = p_values.reshape(comparisons, ratios)
    for level in (0.0301, 0.0499, 0.1507):
        assert (in_sequence(p_values) <= level).tolist() == shown_by_the_graph(p_values, level).tolist()


def test_a_prune_ratio_waits_for_the_lower_ones_and_pays_nothing_for_them():
    assert in_sequence(np.array([[0.01, 0.04, 0.03]])) == pytest.approx(np.array([[0.01, 0.04, 0.04]]))
    assert in_sequence(np.array([[0.6, 0.001]]))[0, 1] == 0.6


@pytest.mark.parametrize("true", [1, 2, 4])
def test_the_chance_of_any_error_is_held_where_some_claims_are_true(true):
    generator = np.random.default_rng(true)
    p_values = generator.random((20_000, 4, 3))
    nulls = np.ones((4, 3), bool)
    nulls[:true, :2] = False  # these may be shown
    p_values[:, ~nulls] = 1e-6
    wrong = (in_sequence(p_values) <= 0.05) & nulls
    assert wrong.any(axis=(1, 2)).mean() <= 0.05 + 3 * np.sqrt(0.05 / 20_000)
