"""P-values that stay valid at every look: direct simulation, and the bound by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prunepipe.verdicts.looks import USUAL_LOOKS, level_of_look, sample, sequential

STUDIES = 40_000


def p_values(noise, looks):
    found = sample(noise, looks)
    return stats.t.sf(found.mean / found.spread * np.sqrt(found.pairs), found.pairs - 1)


@pytest.mark.parametrize("looks", [USUAL_LOOKS, (5,), (4, 6, 7)])
def test_looking_again_and_again_errs_at_most_at_the_level(looks):
    noise = np.random.default_rng(len(looks)).normal(size=(STUDIES, looks[-1]))
    best = sequential(p_values(noise, looks), looks, np.ones((STUDIES, len(looks)), bool)).min(axis=-1)
    for level in (0.2, 0.05, 0.01, 0.002):
        assert np.mean(best <= level) <= level + 3 * np.sqrt(level / STUDIES)


def test_stopping_to_be_complete_in_the_middle_spends_no_more():
    single = p_values(np.random.default_rng(4).normal(size=(STUDIES, 20)), USUAL_LOOKS)
    complete = np.arange(5) < 3  # a network collapses after the third look
    best = sequential(single, USUAL_LOOKS, np.broadcast_to(complete, single.shape)).min(axis=-1)
    assert np.mean(best <= 0.05) <= 0.05


def test_at_the_usual_looks_nine_tenths_of_the_level_are_spent():
    single = p_values(np.random.default_rng(0).normal(size=(STUDIES, 20)), USUAL_LOOKS)
    spent = sequential(single, USUAL_LOOKS, np.ones(single.shape, bool)).min(axis=-1)
    bound = sequential(single, USUAL_LOOKS, np.zeros(single.shape, bool)).min(axis=-1)
    assert np.mean(spent <= 0.05) == pytest.approx(0.0455, abs=0.003)
    assert np.mean(bound <= 0.05) < 0.042
    assert (spent <= bound).all()


def test_looking_without_correction_would_double_the_error():
    single = p_values(np.random.default_rng(3).normal(size=(STUDIES, 20)), USUAL_LOOKS)
    assert np.mean(single.min(axis=-1) <= 0.05) > 0.1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-6, 1), min_size=5, max_size=5), st.booleans())
def test_it_never_rises_and_stays_below_the_plain_bound(values, complete):
    single = np.array(values)
    found = sequential(single, USUAL_LOOKS, np.full(5, complete))
    assert (np.diff(found) <= 0).all()
    assert (found <= np.minimum(np.minimum.accumulate(single) * 5, 1) + 1e-12).all()
    assert (found >= np.minimum.accumulate(single) - 1e-12).all()


@pytest.mark.parametrize("look", range(5))
@pytest.mark.parametrize("complete", [True, False])
def test_the_level_of_a_look_is_the_inverse(look, complete):
    for level in (0.2, 0.05, 0.004, 1e-4, 1e-7):
        single = np.ones(5)
        single[look] = level_of_look(level, look, USUAL_LOOKS, complete)
        assert sequential(single, USUAL_LOOKS, np.full(5, complete))[-1] == pytest.approx(level, rel=1e-6)


def test_a_sample_at_a_look_is_the_first_seeds_and_no_others():
    differences = np.array([[1.0, 2.0, np.nan, 4.0, 50.0]])
    found = sample(differences, (3, 4))
    assert found.pairs.tolist() == [[2, 3]]
    assert found.mean[0] == pytest.approx([1.5, 7 / 3])
    assert found.spread[0] == pytest.approx([np.std([1, 2], ddof=1), np.std([1, 2, 4], ddof=1)])


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e6, 1e6))
def test_a_large_common_shift_does_not_spoil_the_spread(shift):
    differences = shift + np.array([[0.1, 0.3, 0.2, 0.7]])
    assert sample(differences, (4,)).spread[0, 0] == pytest.approx(
        np.std([0.1, 0.3, 0.2, 0.7], ddof=1), rel=1e-6
    )
