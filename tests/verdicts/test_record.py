"""Looks and seeds that are changed after results were seen are flagged."""

from __future__ import annotations

import pytest

from prunepipe.results.version_mark import record_version
from prunepipe.study.study import Study
from prunepipe.verdicts.record import changes, first_looked_at


def of(small, **changes):
    values = {"seeds": [0, 1, 2], "verdict": {"looks": [3, 5]}}
    return Study.model_validate(small | values | changes)


def test_the_first_looks_and_seeds_are_remembered(small, tmp_path):
    record_version("small", tmp_path)
    first = first_looked_at(of(small), tmp_path)
    assert first == {"looks": [3, 5], "seeds": [0, 1, 2]}
    assert first_looked_at(of(small, seeds=[7, 8, 9]), tmp_path) == first


def test_each_study_has_its_own_record(small, tmp_path):
    for name in ("small", "other"):
        record_version(name, tmp_path)
    first_looked_at(of(small), tmp_path)
    assert first_looked_at(of(small, name="other", seeds=[4, 5, 6]), tmp_path)["seeds"] == [4, 5, 6]
    assert first_looked_at(of(small), tmp_path)["seeds"] == [0, 1, 2]


def test_where_there_are_no_results_nothing_was_seen(small, tmp_path):
    assert first_looked_at(of(small), tmp_path) is None
    assert not any(tmp_path.iterdir())


BEFORE = {"looks": [3, 5], "seeds": [0, 1, 2]}


@pytest.mark.parametrize(
    ("looks", "seeds", "said"),
    [
        ((3, 5), (0, 1, 2), []),
        ((3, 5), (0, 1, 2, 7), []),  # added at the end
        ((3, 4, 5), (0, 1, 2), ["verdict.looks was [3, 5]"]),
        ((3, 5), (0, 2), ["the seeds were [0, 1, 2]"]),
        ((3, 5), (5, 0, 1, 2), ["the seeds were [0, 1, 2]"]),
        ((5,), (9,), ["verdict.looks was", "the seeds were"]),
    ],
)
def test_what_was_changed_is_said(looks, seeds, said):
    found = changes(BEFORE, looks, seeds)
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


def test_without_a_record_nothing_is_said():
    assert changes(None, (3,), (0,)) == []
