"""Find the runs that open tests need for their next look."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import pandas as pd

from prunepipe.errors import ConfigError
from prunepipe.results.layout import Run, runs
from prunepipe.stages.settings import data_of_source, source_of
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study, check_of
from prunepipe.verdicts.open_tests import OPEN_COLUMNS, open_tests

TEST = ("dataset", "network", "ticket", "check", "prune_ratio")
Key = tuple[Any, ...]
"""A test: its values of TEST."""
Place = tuple[str, str, str, str, float, int]
"""Data set, network, ticket, check, prune ratio and seed of a run."""
Test = dict[Any, Any]
"""A row of `open_tests`."""


class NextLook(NamedTuple):
    """A look, the tests that it may decide, and the runs that are missing for it."""

    look: int
    """Number of seeds."""
    tests: pd.DataFrame
    """Rows of `prunepipe.verdicts.open_tests.open_tests`."""
    missing: tuple[Run, ...]
    """In the study's order."""


def require_a_look(study: Study) -> None:
    """Refuse a study in which no look can be reached.

    Raises:
        ConfigError: it lists fewer seeds than its first look takes.
    """
    first, seeds = study.verdict.looks[0], len(study.seeds)
    if seeds < first:
        raise ConfigError(
            f"seeds: the study lists {seeds}, but its first look is after {first} (verdict.looks); list {first} seeds "
            "or more."
        )


def next_look(
    study: Study, results: pd.DataFrame, verdicts: pd.DataFrame, given_up: Collection[str] = frozenset()
) -> NextLook | None:
    """Return the earliest look of any open test, with its missing runs.

    A test needs the runs under its check, their partners without the check, and the dense runs that both start from.
    Tickets without checks decide nothing, but the decomposition of the others needs them, so they are included.

    Args:
        study: says which runs there are.
        results: one row per run, from `prunepipe.results.table.collect`.
        verdicts: from `prunepipe.verdicts.verdicts.verdicts`.
        given_up: folders of runs that failed; tests that need them wait.
    Returns:
        None if there is nothing to run: every test is decided, at its last look, or waits for runs that failed.
    """
    planned = _Planned(study, results)
    possible = [
        test
        for test in open_tests(verdicts, study.seeds).to_dict("records")
        if planned.lacks(test) and not planned.lost(test, given_up)
    ]
    if not possible:
        return None
    look = min(test["next_look"] for test in possible)
    asked = [test for test in possible if test["next_look"] == look]
    places = {place for test in asked for place in (*_of_test(study, test), *_companions(study, test))}
    skipped = planned.made | set(given_up)
    missing = [run for run in planned.runs if _place(run) in places and run.folder not in skipped]
    return NextLook(int(look), pd.DataFrame(asked), tuple(missing))


def waiting_tests(
    study: Study, results: pd.DataFrame, verdicts: pd.DataFrame, given_up: Collection[str]
) -> pd.DataFrame:
    """Return the open tests that cannot reach their next look, each with the reason as `cause`.

    Args:
        study, results, verdicts, given_up: as for `next_look`.
    """
    planned = _Planned(study, results)
    causes = dict(zip(results["run"], results["cause"], strict=True))
    rows = []
    for test in open_tests(verdicts, study.seeds).to_dict("records"):
        lost = planned.lost(test, given_up)
        if lost:
            rows.append({**test, "cause": str(causes[lost[-1]]).removeprefix("error: ")})
        elif not planned.lacks(test):
            rows.append({**test, "cause": "the accuracy of a run is not a number"})
    return pd.DataFrame(rows, columns=[*OPEN_COLUMNS, "cause"])


def seed_folders(study: Study, tests: pd.DataFrame) -> dict[Key, list[list[str]]]:
    """Return the folders of the runs that each test needs, seed by seed.

    Args:
        study: of the tests.
        tests: rows of `open_tests`.
    Returns:
        By data set, network, method, check and prune ratio: one list for each seed of the test's next look.
    """
    folders = {_place(run): run.folder for run in runs(study)}
    found = {}
    for test in tests.to_dict("records"):
        places = list(_of_test(study, test))
        found[tuple(test[name] for name in TEST)] = [
            [folders[place] for place in places if place[-1] == seed] for seed in test["seeds"]
        ]
    return found


class _Planned:
    """The runs of a study, and which of them are finished."""

    def __init__(self, study: Study, results: pd.DataFrame) -> None:
        self.runs = tuple(runs(study))
        self.made = set(results.loc[results["status"] == "done", "run"])
        self._study = study
        self._folders = {_place(run): run.folder for run in self.runs}

    def lacks(self, test: Test) -> bool:
        """Return whether a test needs a run that is not finished."""
        return not self.made.issuperset(self._folders_of(test))

    def lost(self, test: Test, given_up: Collection[str]) -> list[str]:
        """Return the folders that a test needs among those that are given up."""
        return [folder for folder in self._folders_of(test) if folder in given_up]

    def _folders_of(self, test: Test) -> list[str]:
        return [self._folders[place] for place in _of_test(self._study, test)]


def _of_test(study: Study, test: Test) -> Iterator[Place]:
    """Enumerate what a test needs, dense runs before those that start from them."""
    for check in (NO_CHECK, test["check"]):
        yield from _with_dense_runs(study, test, test["ticket"], check)


def _companions(study: Study, test: Test) -> Iterator[Place]:
    """Enumerate the tickets without checks, at the prune ratio and seeds of a test."""
    for ticket in study.tickets:
        if study.checks_of(ticket) == (NO_CHECK,):
            yield from _with_dense_runs(study, test, ticket, NO_CHECK)


def _with_dense_runs(study: Study, test: Test, ticket: str, check: str) -> Iterator[Place]:
    dataset, network, variants = test["dataset"], test["network"], _dense_variants(study, ticket, check)
    for seed in test["seeds"]:
        for variant in variants:
            yield (dataset, network, FULL_NETWORK, variant, 0.0, seed)
        yield (dataset, network, ticket, check, test["prune_ratio"], seed)


def _dense_variants(study: Study, ticket: str, check: str) -> list[str]:
    """Return the checks of the dense runs that a ticket starts from under a check; `none` for clean data."""
    row = study.tickets[ticket]
    points = {(point, study.data_of(check)) for point in row.dense_points}
    points.add((row.scored, data_of_source(study, source_of(study, check))))
    variants = {data for point, data in points if point in row.dense_points and point != "init"}
    return sorted(map(check_of, variants))


def _place(run: Run) -> Place:
    return (run.dataset, run.network, run.ticket, run.check, run.prune_ratio, run.seed)
