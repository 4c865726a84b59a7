"""All cells of a study with their runs, for the sortable table and the list of runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunepipe.reports.page.formats import interval_of_mean, known, number, share, sort_key
from prunepipe.reports.tables.building import gap_cause, mean_intervals
from prunepipe.results.commands import cell_command
from prunepipe.results.labels import (
    check_label,
    dataset_label,
    network_label,
    place_text,
    ratio_label,
    ticket_label,
)
from prunepipe.study.study import Study

PLACE = ["dataset", "network", "ticket", "check", "prune_ratio"]


def cell_rows(results: pd.DataFrame, study: Study, file: Path | None = None) -> list[dict[str, Any]]:
    """Return one dictionary per cell, dense runs first, each with its runs.

    Args:
        results: one row per run of the study, see prunepipe.results.table.COLUMNS.
        study: that was run.
        file: of the study, for the commands; default: config/NAME.yaml.
    """
    groups = results.groupby(PLACE, sort=False)
    return [
        _cell(position, place, runs.to_dict("records"), study, file)
        for position, (place, runs) in enumerate(groups)
    ]


def _cell(
    position: int, place: Any, runs: list[dict[Any, Any]], study: Study, file: Path | None
) -> dict[str, Any]:
    dataset, network, ticket, check, ratio = place
    return {
        "anchor": f"cell-{position}",
        "ticket": ticket,
        "method": ticket_label(ticket),
        "dataset": dataset_label(dataset),
        "network": network_label(network),
        "place": place_text(dataset, network),
        "check": check_label(check),
        "ratio": ratio_label(ratio),
        "ratio_key": sort_key(ratio),
        **_numbers(runs),
        "command": cell_command(study, file, (dataset, network, ratio, ticket, check)),
        "runs": [_run(run) for run in runs],
    }


def _numbers(runs: list[dict[Any, Any]]) -> dict[str, Any]:
    """Return mean, t interval, counts and densities of a cell; runs without an accuracy do not count."""
    used = [run for run in runs if run["status"] == "done" and known(run["accuracy"])]
    accuracies = np.array([run["accuracy"] for run in used], float)
    mean = float(accuracies.mean()) if len(used) else float("nan")
    std = float(accuracies.std(ddof=1)) if len(used) > 1 else float("nan")
    (low,), (high,) = mean_intervals(np.array([mean]), np.array([std]), np.array([len(used)]))
    density, effective = (
        float(np.mean(found)) if (found := [run[name] for run in used if known(run[name])]) else float("nan")
        for name in ("density", "effective_density")
    )
    return {
        "mean": number(mean),
        "mean_key": sort_key(mean),
        "interval": interval_of_mean(low, high, len(used)),
        "half_key": sort_key((high - low) / 2),
        "density": share(density),
        "density_key": sort_key(density),
        "effective": share(effective),
        "effective_key": sort_key(effective),
        "collapsed": sum(run["collapsed"] in {True, "True"} for run in used),
        "count": len(used),
        "expected": len(runs),
    }


def _run(run: dict[Any, Any]) -> dict[str, Any]:
    """Return what the list of runs says about one run."""
    done = run["status"] == "done"
    note = run["note"] if isinstance(run.get("note"), str) else ""
    return {
        "run": run["run"],
        "seed": run["seed"],
        "done": done,
        "cause": note if done and known(run["accuracy"]) else gap_cause(run["status"], run["cause"]),
        "accuracy": number(run["accuracy"]),
        "best": number(run["best_accuracy"]),
        "loss": number(run["loss"], 3),
        "density": share(run["density"]),
        "effective_density": share(run["effective_density"]),
        "collapsed": run["collapsed"] in {True, "True"},
        "epochs": number(run["epochs"], 0),
        "seconds": number(run["seconds"], 1),
        "made_with": ", ".join(str(run[name]) for name in ("code", "device", "precision")) if done else "",
    }


def by_method(cells: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Group cells by the name of their method, in order."""
    for method in dict.fromkeys(cell["method"] for cell in cells):
        yield method, [cell for cell in cells if cell["method"] == method]


def progress(results: pd.DataFrame) -> dict[str, Any]:
    """Return the progress of a study: runs done and expected, and missing runs by cause."""
    missing = results.loc[results["status"] != "done"]
    causes = missing["cause"].fillna("no cause given").astype(str)
    return {
        "done": int(len(results) - len(missing)),
        "expected": len(results),
        "causes": [(str(cause), int(count)) for cause, count in causes.value_counts().items()],
    }
