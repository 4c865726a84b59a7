"""Looks and seeds that are changed after results were seen are flagged."""

from __future__ import annotations

import pytest

from prunepipe.study.study import Study
from prunepipe.verdicts.record import changes, first_looked_at


def of(small, **changes):
    values = {"seeds": [0, 1, 2], "verdict": {"looks": [3, 5]}}
    return Study.model_validate(small | values | changes)


def test_the_first_looks_and_seeds_are_remembered(small, tmp_path):
    path = tmp_path / "looks.json"
    first = first_looked_at(path, of(small))
    assert (first["looks"], first["seeds"]) == ([3, 5], [0, 1, 2])
    assert first_looked_at(path, of(small, seeds=[7, 8, 9])) == first


def test_another_study_in_the_same_folder_begins_anew(small, tmp_path):
    path = tmp_path / "looks.json"
    first_looked_at(path, of(small))
    assert first_looked_at(path, of(small, name="other", seeds=[4, 5, 6]))["seeds"] == [4, 5, 6]


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
