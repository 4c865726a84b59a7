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
from prunepipe.verdicts.against_random import MINUS_RANDOM, random_control
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
) -> tuple[NextLook | None, pd.DataFrame]:
    """Return the earliest look of any open test, with its missing runs, and the open tests that cannot go on.

    A test needs the runs under its check, their partners without the check, and the dense runs that both start from.
    Tickets without checks decide nothing, but the decomposition of the others needs them, so they are included.

    Args:
        study: says which runs there are.
        results: one row per run, from `prunepipe.results.table.collect`.
        verdicts: from `prunepipe.verdicts.verdicts.verdicts`.
        given_up: folders of runs that failed; tests that need them wait.
    Returns:
        The look, None if there is nothing to run; and the open tests that wait, each with the reason as `cause`.
    """
    planned = tuple(runs(study))
    folders = {_place(run): run.folder for run in planned}
    made = set(results.loc[results["status"] == "done", "run"])
    causes = dict(zip(results["run"], results["cause"], strict=True))
    possible, waiting = [], []
    for test in open_tests(verdicts, study.seeds).to_dict("records"):
        needed = [folders[place] for place in _of_test(study, test)]
        lost = [folder for folder in needed if folder in given_up]
        if lost:
            waiting.append({**test, "cause": str(causes[lost[-1]]).removeprefix("error: ")})
        elif made.issuperset(needed):
            waiting.append({**test, "cause": "the accuracy of a run is not a number"})
        else:
            possible.append(test)
    stopped = pd.DataFrame(waiting, columns=[*OPEN_COLUMNS, "cause"])
    if not possible:
        return None, stopped
    look = min(test["next_look"] for test in possible)
    asked = [test for test in possible if test["next_look"] == look]
    places = {place for test in asked for place in (*_of_test(study, test), *_companions(study, test))}
    missing = [run for run in planned if _place(run) in places and run.folder not in made | set(given_up)]
    return NextLook(int(look), pd.DataFrame(asked), tuple(missing)), stopped


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


def _of_test(study: Study, test: Test) -> Iterator[Place]:
    """Enumerate what a test needs, dense runs before those that start from them."""
    compared = (test["ticket"], test["check"])
    if test["check"] == MINUS_RANDOM:
        compared = (random_control(study), NO_CHECK)
    for ticket, check in ((test["ticket"], NO_CHECK), compared):
        yield from _with_dense_runs(study, test, ticket, check)


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
