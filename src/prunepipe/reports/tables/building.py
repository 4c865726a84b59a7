"""Build the cells of a table from runs: mean, spread, confidence interval, gaps and their causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit  # scipy.stats takes a second to import

from prunepipe.errors import ArtifactError
from prunepipe.reports.tables.published import published_beside
from prunepipe.reports.tables.specs import TableRow, rows_of
from prunepipe.results.commands import cell_command
from prunepipe.results.made_with import SOURCES
from prunepipe.results.table import NO_SPREAD
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.pairing import NOT_LISTED, RUN, checked_results
from prunepipe.verdicts.replication import CellSample, replication

CONFIDENCE = 0.95
"""Level of the confidence intervals of means."""

PLACE = ["dataset", "network", "prune_ratio", "ticket", "check"]
MADE_WITH = [name for name in SOURCES if name != "version"]
"""What a cell's runs were made with; the notes of every table name the version."""
FLAGS = ["collapsed", "partial"]
"""Columns whose runs a table counts."""
SHAPE = ["effective_density", "dead_units", "images_total"]
"""Columns of the results that a table averages beside the accuracy."""
COLUMNS = (
    "table", "study", *PLACE, "label", "mean", "std", "n", "expected", "collapsed", "partial", "whole_mean", *SHAPE,
    "ci_low", "ci_high", "published_mean", "published_std", "published_n", "difference", "replication",
    "cause", "note",
    "seeds", *MADE_WITH, "command",
)  # fmt: skip
"""Columns of a table: accuracies in percent, std the sample standard deviation over seeds."""

NOT_A_NUMBER = "the accuracy is not a number"


def build_table(name: str, results: pd.DataFrame, study: Study, file: Path | None = None) -> pd.DataFrame:
    """Build a table of the paper in tidy form: one row per cell.

    Args:
        name: of the table, one of TABLES.
        results: one row per run (prunepipe.results.table.COLUMNS); runs of other studies do not count.
        study: defines the expected cells and seeds.
        file: of the study, for the commands; default: config/NAME.yaml.
    Returns:
        COLUMNS: mean, sample std (NaN for one run), n (finished runs), how many of them collapsed (they count with
        their chance accuracy) or partly collapsed, the mean of those that did neither, mean effective density, dead
        units and training images behind a run, t interval (see `mean_intervals`), the published numbers where they are
        comparable, our mean minus theirs and whether it is a replication, the cause of every missing run, notes on runs
        that are not independent, code, device, precision and data of the runs, and the command that makes them again.
    Raises:
        ConfigError: there is no such table.
        ArtifactError: the results lack a column, list a run twice or are not in percent.
    """
    cells = _cells(rows_of(name, study), study)
    runs = _runs(cells, results, study)
    table = cells.assign(table=name, study=study.name, **_statistics(runs, len(cells)))
    published = published_beside(table, study)
    table = table.assign(**published, difference=table["mean"] - published["published_mean"])
    table["replication"] = [_replication(row, study) for row in table.itertuples()]
    table = table.assign(expected=len(study.seeds), seeds=_joined(study.seeds), **_words(runs, len(cells)))
    places = table[PLACE].itertuples(index=False, name=None)
    table["command"] = [cell_command(study, file, place) for place in places]
    return table[list(COLUMNS)]


def _replication(row: Any, study: Study) -> str:
    ours = CellSample(row.mean, row.std, row.n)
    theirs = CellSample(row.published_mean, row.published_std, row.published_n)
    return replication(ours, theirs, study.verdict.margin, study.verdict.significance)


def _cells(rows: Sequence[TableRow], study: Study) -> pd.DataFrame:
    """Return one row per cell, in the order of the table: PLACE and label."""
    cells = [
        (*place, prune_ratio, *row)
        for place in study.places
        for row in rows
        for prune_ratio in ((0.0,) if row.ticket == FULL_NETWORK else study.prune_ratios)
    ]
    return pd.DataFrame(cells, columns=[*PLACE, "label"])


def _runs(cells: pd.DataFrame, results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return one row per expected run with its results; `cell` is the position of its cell."""
    absent = [column for column in (*SHAPE, *MADE_WITH) if column not in results]
    if absent:
        raise ArtifactError(f"results: no column {', '.join(absent)}; collect the results again.")
    known = checked_results(results).assign(
        **{column: pd.to_numeric(results[column]).to_numpy(float) for column in SHAPE},
        **{column: results[column].to_numpy() for column in MADE_WITH},
        note=[text if isinstance(text, str) else "" for text in results.get("note", [""] * len(results))],
    )
    expected = cells[PLACE].assign(cell=range(len(cells)), study=study.name)
    expected = expected.merge(pd.DataFrame({"seed": study.seeds}), how="cross")
    runs = expected.merge(known, how="left", on=RUN)
    done = runs["status"].eq("done").to_numpy(bool)
    usable = done & np.isfinite(runs["accuracy"].to_numpy(float))
    return runs.assign(done=done, usable=usable)


def _statistics(runs: pd.DataFrame, count: int) -> dict[str, np.ndarray]:
    """Return the numbers of all cells, by column."""
    used = runs[runs["usable"]]
    groups = used.groupby("cell")
    everyone = range(count)
    n = groups.size().reindex(everyone, fill_value=0).to_numpy(int)
    mean = groups["accuracy"].mean().reindex(everyone).to_numpy(float)
    std = groups["accuracy"].std(ddof=1).reindex(everyone).to_numpy(float)
    ci_low, ci_high = mean_intervals(mean, std, n)
    counts = used[FLAGS].eq(True).groupby(used["cell"]).sum()
    return {
        "mean": mean,
        "std": std,
        "n": n,
        **{flag: counts[flag].reindex(everyone, fill_value=0).to_numpy(int) for flag in FLAGS},
        "whole_mean": _whole(used).groupby("cell")["accuracy"].mean().reindex(everyone).to_numpy(float),
        **{column: groups[column].mean().reindex(everyone).to_numpy(float) for column in SHAPE},
        "ci_low": ci_low,
        "ci_high": ci_high,
    }


def _whole(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs whose networks neither collapsed nor partly collapsed."""
    return runs[runs["collapsed"].ne(True) & runs["partial"].ne(True)]


def mean_intervals(
    mean: npt.NDArray[np.floating], std: npt.NDArray[np.floating], n: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return the t intervals of mean accuracies, limited to 0 and 100 %.

    A single run has no interval. Runs with equal accuracies have none either, because equal values come from a coarse
    accuracy (few test images), not from infinite precision.

    Args:
        mean, std: [cells] in percent, std the sample standard deviation; NaN where unknown.
        n: [cells], runs of each.
    Returns:
        Lower and upper ends [cells]; NaN where there is no interval.
    """
    half = np.full(len(n), np.nan)
    spread = (n > 1) & (std > NO_SPREAD)
    half[spread] = stdtrit(n[spread] - 1, (1 + CONFIDENCE) / 2) * std[spread] / np.sqrt(n[spread])
    return np.maximum(mean - half, 0.0), np.minimum(mean + half, 100.0)


def _words(runs: pd.DataFrame, count: int) -> dict[str, list[str]]:
    """Return the causes of gaps, notes, and the provenance of the runs of all cells, by column."""
    gaps = runs[~runs["usable"]]
    causes = [gap_cause(*why) for why in zip(gaps["status"], gaps["cause"], strict=True)]
    noted = runs[runs["usable"] & runs["note"].ne("")]
    words = {
        "cause": _said_of_seeds(gaps.assign(said=causes), count),
        "note": _said_of_seeds(noted.assign(said=noted["note"]), count),
    }
    made = runs.loc[runs["done"], ["cell", *MADE_WITH]]
    for column in MADE_WITH:
        values: dict[int, dict[str, None]] = defaultdict(dict)
        for cell, value in zip(made["cell"], made[column], strict=True):
            values[cell][str(value)] = None
        words[column] = [_joined(values[cell]) if cell in values else "" for cell in range(count)]
    return words


def gap_cause(status: object, cause: object) -> str:
    """Return why a run has no accuracy, from its status and cause in the results."""
    if status == "done":
        return NOT_A_NUMBER
    if not isinstance(status, str):
        return NOT_LISTED
    return cause if isinstance(cause, str) and cause else "no cause given"


def _said_of_seeds(runs: pd.DataFrame, count: int) -> list[str]:
    """Return, for every cell, the texts in `said`, each once with the seeds that it concerns."""
    seeds: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for cell, seed, said in runs[["cell", "seed", "said"]].itertuples(index=False, name=None):
        seeds[cell][said].append(seed)
    return [
        "; ".join(_of_seeds(*item) for item in seeds[cell].items()) if cell in seeds else ""
        for cell in range(count)
    ]


def _of_seeds(said: str, seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {_joined(seeds)}: {said}"


def _joined(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
