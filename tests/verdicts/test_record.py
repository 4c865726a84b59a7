"""A rule or seeds that are changed after results were seen are flagged."""

from __future__ import annotations

import pytest

from prunepipe.results.version_mark import record_version
from prunepipe.study.study import Study
from prunepipe.verdicts.record import changes, first_looked_at


def of(small, **changes):
    values = {"seeds": [0, 1, 2], "verdict": {"looks": [3, 5], "margin": 2}}
    return Study.model_validate(small | values | changes)


def test_the_first_looks_and_seeds_are_remembered(small, tmp_path):
    record_version("small", tmp_path)
    first = first_looked_at(of(small), tmp_path)
    assert first == {"looks": [3, 5], "seeds": [0, 1, 2], "margin": 2.0, "significance": 0.05}
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


BEFORE = {"looks": [3, 5], "seeds": [0, 1, 2], "margin": 2.0, "significance": 0.05}


@pytest.mark.parametrize(
    ("rule", "seeds", "said"),
    [
        ({}, (0, 1, 2), []),
        ({}, (0, 1, 2, 7), []),  # added at the end
        ({"looks": [3, 4, 5]}, (0, 1, 2), ["verdict.looks was [3, 5] when"]),
        ({"margin": 3}, (0, 1, 2), ["verdict.margin was 2.0 when"]),
        ({"significance": 0.3}, (0, 1, 2), ["verdict.significance was 0.05 when"]),
        ({}, (0, 2), ["the seeds were [0, 1, 2] when"]),
        ({}, (5, 0, 1, 2), ["the seeds were [0, 1, 2] when"]),
        ({"looks": [5]}, (9,), ["verdict.looks was", "the seeds were"]),
    ],
)
def test_what_was_changed_is_said(small, rule, seeds, said):
    verdict = {"looks": [3, 5], "margin": 2, **rule}
    found = changes(BEFORE, of(small, seeds=seeds, verdict=verdict))
    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


def test_without_a_record_nothing_is_said(small):
    assert changes(None, of(small)) == []
    older = {name: BEFORE[name] for name in ("looks", "seeds")}
    assert changes(older, of(small, verdict={"looks": [3, 5], "margin": 7})) == []
