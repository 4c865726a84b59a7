"""Replication: Welch's two one-sided tests against an equivalence margin."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from scipy import stats

from prunepipe.verdicts.replication import DIFFERENT, REPLICATED, UNDECIDED, CellSample, replication

NAN = nan


def words_by_scipy(ours: CellSample, theirs: CellSample, margin: float, significance: float) -> str:
    """Decide by Welch's tests of scipy on shifted means."""

    def p_value(shift: float, alternative: str) -> float:
        arguments = (ours.mean - shift, ours.std, ours.n, theirs.mean, theirs.std, theirs.n)
        return float(stats.ttest_ind_from_stats(*arguments, equal_var=False, alternative=alternative).pvalue)

    if max(p_value(-margin, "greater"), p_value(margin, "less")) <= significance:
        return REPLICATED
    if min(p_value(-margin, "less"), p_value(margin, "greater")) <= significance:
        return DIFFERENT
    return UNDECIDED


def test_words_are_those_of_welchs_tests() -> None:
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        ours = CellSample(
            generator.normal(90, 1), generator.uniform(0.05, 0.6), int(generator.integers(2, 9))
        )
        theirs = CellSample(90.0, generator.uniform(0.05, 0.6), int(generator.integers(2, 9)))
        expected = words_by_scipy(ours, theirs, 0.5, 0.05)
        assert replication(ours, theirs, 0.5, 0.05) == expected
        seen.add(expected)
    assert seen == {REPLICATED, DIFFERENT, UNDECIDED}


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [
        ((93.6, 0.1, 5), (93.66, 0.08, 5), REPLICATED),
        ((93.6, 0.1, 5), (92.0, 0.08, 5), DIFFERENT),
        ((93.6, 0.1, 5), (93.1, 0.08, 5), UNDECIDED),  # at the margin
        ((93.6, 0.1, 5), (93.6, NAN, 5), UNDECIDED),  # no spread is known
        ((93.6, NAN, 1), (93.6, 0.1, 5), UNDECIDED),  # one run
        ((93.6, 0.1, 5), (93.6, 0.1, 1), UNDECIDED),
        ((10.0, 0.0, 5), (10.0, 0.0, NAN), REPLICATED),  # collapsed on both sides
        ((10.0, 0.0, 5), (93.4, 0.0, NAN), DIFFERENT),
        ((NAN, NAN, 0), (93.4, 0.1, 5), ""),
        ((93.4, 0.1, 5), (NAN, NAN, NAN), ""),
    ],
)
def test_words_of_single_cells(ours: tuple[float, ...], theirs: tuple[float, ...], word: str) -> None:
    assert replication(CellSample(*ours), CellSample(*theirs), 0.5, 0.05) == word


def test_an_unknown_number_of_runs_counts_as_the_fewest_with_a_spread() -> None:
    for mean in np.linspace(92, 95, 31):
        ours = CellSample(float(mean), 0.2, 5)
        unknown, two = (replication(ours, CellSample(93.5, 0.1, n), 0.5, 0.05) for n in (NAN, 2))
        assert unknown == two
