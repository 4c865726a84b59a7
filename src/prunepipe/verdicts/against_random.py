"""Method minus random: compares every method with random tickets at the same prune ratio."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from prunepipe.results.table import NO_SPREAD
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.assessment import Assessment, assess
from prunepipe.verdicts.grid import paired_grid
from prunepipe.verdicts.pairing import RUN, checked_results
from prunepipe.verdicts.rows import VERDICT_COLUMNS, facts, verdict_rows

PLACE = ["study", "dataset", "network", "prune_ratio"]
COLUMNS = [
    *("study", "dataset", "network", "ticket", "prune_ratio", "word", "difference"),
    *("interval_low", "interval_high", "interval_level", "standard_deviation", "look", "pairs", "expected_pairs"),
    *("random_ticket", "random_accuracy", "dense_accuracy", "ceiling", "margin", "significance"),
    *("p_below", "p_level", "p_above", "collapsed", "collapsed_reference", "partial", "partial_reference", "gaps"),
]  # fmt: skip
WORDS = {
    "uses": "below",
    "uses little": "slightly below",
    "ignores": "level",
    "improves": "above",
    "collapses": "collapses",
    "inconclusive": "undecided",
    "not judged": "not judged",
}
"""What a verdict on the difference says about a method, which takes the place of the run under a check."""

MINUS_RANDOM = "minus random"
"""Stands for the check where the comparison with random tickets is listed among tests of checks."""


def random_control(study: Study) -> str | None:
    """Return the ticket of a study that others are compared with: `random`, or else its first random ticket."""
    found = [name for name, ticket in study.tickets.items() if ticket.initial and ticket.score == "random"]
    return "random" if "random" in found else next(iter(found), None)


def against_random(
    results: pd.DataFrame, study: Study, at_chance: Collection[tuple[str, str]] = ()
) -> pd.DataFrame:
    """Compare every method, without a check, with the random ticket at every prune ratio, paired by seed.

    The words are tested as the verdicts are, at the same looks, with the same margin and significance, as a family of
    their own; see docs/verdicts.md.

    Args:
        results: one row per run; accuracy in percent.
        study: gives the random ticket, the order of tickets and seeds, and the rule.
        at_chance: (data set, network) where the dense network is at chance; nothing is judged there.
    Returns:
        One row per data set, network, prune ratio and method with COLUMNS; empty without a random ticket. difference:
        method minus random in points, with the interval of this look alone. word: above, level (shown to differ by
        less than the margin), slightly below (by less than the margin), below, undecided, collapses (more often than
        random, or so often that no pair is left to compare), not judged. ceiling: whether random tickets reach the
        dense network up to the margin.
    Raises:
        ArtifactError: the results cannot be read as one row per run.
    """
    control = random_control(study)
    runs = _unchecked(results, study)
    random = runs[runs["ticket"] == control]
    assessed = _assessed(runs, study, at_chance)
    if assessed is None:
        return pd.DataFrame(columns=COLUMNS)
    table = _rows(assessed).assign(random_ticket=control)
    table = table.merge(_references(runs, random, study.verdict.margin), how="left", on=PLACE)
    orders: dict[str, list[Any]] = {
        "dataset": list(study.datasets),
        "network": list(study.networks),
        "prune_ratio": list(study.prune_ratios),
        "ticket": list(study.tickets),
    }
    places = {column: {name: place for place, name in enumerate(order)} for column, order in orders.items()}
    table = table.sort_values(list(orders), key=lambda column: column.map(places[str(column.name)]))
    return table[COLUMNS].reset_index(drop=True)


def verdicts_minus_random(
    results: pd.DataFrame, study: Study, ticket: str, at_chance: Collection[tuple[str, str]]
) -> pd.DataFrame:
    """Return the comparison of one method with random tickets in the form of verdicts, with the check MINUS_RANDOM.

    Args:
        results, study, at_chance: as for `against_random`.
        ticket: the method.
    Returns:
        One row per data set, network and prune ratio with VERDICT_COLUMNS; an undecided one is `inconclusive`.
    """
    assessed = _assessed(_unchecked(results, study), study, at_chance)
    if assessed is None:
        return pd.DataFrame(columns=VERDICT_COLUMNS)
    rows = verdict_rows(assessed)
    rows = rows[rows["ticket"] == ticket].reset_index(drop=True)
    words = rows["verdict"].map({**WORDS, "inconclusive": "inconclusive"})
    return rows.assign(check=MINUS_RANDOM, verdict=words)


def _unchecked(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    runs = checked_results(results)
    return runs[(runs["check"] == NO_CHECK) & runs["seed"].isin(study.seeds)]


def _assessed(runs: pd.DataFrame, study: Study, at_chance: Collection[tuple[str, str]]) -> Assessment | None:
    """Compare all methods with the random ticket; None if there is nothing to compare."""
    control = random_control(study)
    random = runs[runs["ticket"] == control]
    methods = runs[~runs["ticket"].isin([control, FULL_NETWORK])]
    if random.empty or methods.empty:
        return None
    on = [column for column in RUN if column not in ("ticket", "check")]
    names = ("of the method", "of the random ticket")
    grid = paired_grid(methods, random, tuple(study.seeds), on=on, names=names)
    return assess(grid, study.verdict, at_chance)


def _rows(judged: Assessment) -> pd.DataFrame:
    present = judged.grid.present
    found = facts(judged).rename(columns={"effect": "difference"})
    equal = found["pairs"].gt(1) & found["standard_deviation"].le(NO_SPREAD)
    word = np.array([WORDS[word] for word in judged.word[present]])
    no_path = (found["pairs"] == 0) & (found["collapsed"] > 0)
    return found.assign(
        interval_low=found["interval_low"].mask(equal),
        interval_high=found["interval_high"].mask(equal),
        word=np.where(no_path & (word == "undecided"), "collapses", word),
        p_below=judged.shown.harm[present],
        p_level=judged.shown.equivalence[present],
        p_above=judged.shown.gain[present],
    )


def _references(runs: pd.DataFrame, random: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Return the mean accuracies of random tickets and of the dense network at every place, and whether they are level.

    The difference is a mean over the seeds that have both.
    """
    dense = runs[runs["ticket"] == FULL_NETWORK].drop(columns="prune_ratio")
    seed = ["study", "dataset", "network", "seed"]
    both = random.merge(dense[[*seed, "accuracy"]], how="left", on=seed, suffixes=("", "_dense"))
    both = both.assign(lost=both["accuracy_dense"] - both["accuracy"])
    means = both.groupby(PLACE, sort=False)[["accuracy", "accuracy_dense", "lost"]].mean().reset_index()
    renamed = means.rename(columns={"accuracy": "random_accuracy", "accuracy_dense": "dense_accuracy"})
    return renamed.assign(ceiling=means["lost"] <= margin).drop(columns="lost")
