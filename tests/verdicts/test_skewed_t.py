"""The t test made safe against skew, against direct simulation and formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from prunepipe.verdicts.skewed_t import critical_value, inflation, tail_probability

STUDIES = 60_000


def t_of(noise):
    """[studies] t statistics by scipy."""
    return np.asarray(stats.ttest_1samp(noise, 0.0, axis=1).statistic)


def share(p_values, level):
    """Share of studies at or below a level, minus three standard errors of it."""
    return np.mean(p_values <= level) - 3 * np.sqrt(level / len(p_values))


@pytest.mark.parametrize("pairs", [3, 5, 9, 20, 33])
@pytest.mark.parametrize("law", ["normal", "tail away", "tail near", "t with 3 degrees"])
def test_a_true_null_is_rejected_at_most_as_often_as_the_level(pairs, law):
    generator = np.random.default_rng(pairs)
    draws = {
        "normal": generator.normal(size=(STUDIES, pairs)),
        "tail away": 1 - generator.exponential(size=(STUDIES, pairs)),
        "tail near": generator.exponential(size=(STUDIES, pairs)) - 1,
        "t with 3 degrees": generator.standard_t(3, size=(STUDIES, pairs)),
    }
    p_values = tail_probability(t_of(draws[law]), np.full(STUDIES, pairs))
    for level in (0.2, 0.05, 0.01, 0.001):
        assert share(p_values, level) <= level


@pytest.mark.parametrize("pairs", [3, 5, 20])
def test_under_exponential_noise_the_level_is_met_and_the_t_test_exceeds_it(pairs):
    t = t_of(1 - np.random.default_rng(1).exponential(size=(STUDIES, pairs)))
    assert np.mean(tail_probability(t, np.full(STUDIES, pairs)) <= 0.05) == pytest.approx(0.05, abs=0.005)
    assert np.mean(stats.t.sf(t, pairs - 1) <= 0.05) > 0.08


def test_it_is_never_less_cautious_than_the_t_test():
    t = np.geomspace(0.1, 1e4, 200)
    for pairs in range(3, 21):
        assert (tail_probability(t, np.full(200, pairs)) >= stats.t.sf(t, pairs - 1) * 0.999).all()


def test_three_equal_values_by_hand():
    # Exponential: integral of exp(-3x) (1-x)^2 over [0, 1]; normal: (2 pi)^-1.5 (2/3)^1.5 Gamma(1.5) / 2.
    exponential = (1 - np.exp(-3)) / 3 - 2 * (1 - 4 * np.exp(-3)) / 9 + (2 - 17 * np.exp(-3)) / 27
    normal = (2 * np.pi) ** -1.5 * (2 / 3) ** 1.5 * (np.sqrt(np.pi) / 2) / 2
    assert inflation(3) == pytest.approx(exponential / normal)


@pytest.mark.parametrize("pairs", [3, 6, 20])
def test_beyond_the_table_the_p_value_follows_the_t_test(pairs):
    t = np.array([1e5, 2e5])
    assert tail_probability(t, [pairs, pairs]) == pytest.approx(
        np.minimum(inflation(pairs) * stats.t.sf(t, pairs - 1), 1e-5)
    )


@pytest.mark.parametrize("pairs", [3, 5, 12, 20, 50])
def test_critical_values_and_tail_probabilities_are_inverse(pairs):
    levels = np.array([0.3, 0.05, 1e-3, 1e-4, 1e-9])
    t = critical_value(levels, np.full(5, pairs))
    assert (np.diff(t) > 0).all()
    assert (tail_probability(t * (1 + 1e-9), np.full(5, pairs)) <= levels * 1.0001).all()
    assert (tail_probability(t * 0.99, np.full(5, pairs)) > levels).all()


def test_fewer_than_three_pairs_test_nothing():
    assert tail_probability([1e9, 1e9], [0, 2]).tolist() == [1.0, 1.0]
    assert np.isinf(critical_value([0.05, 0.05], [1, 2])).all()
