"""Finished runs whose results are made up, written where the workflow writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from prunepipe.artifacts import write_json
from prunepipe.results.layout import Run
from prunepipe.results.version_mark import record_version
from prunepipe.study.study import Study

Outcome = Callable[[Run], float | str]
"""The accuracy of a run in percent, or the error that it fails with."""


def make_runs(study: Study, folder: Path, runs: Iterable[Run], outcome: Outcome) -> int:
    """Write the files of runs, as a workflow would; return how many failed."""
    record_version(study.name, folder)
    failed = 0
    for run in runs:
        found = outcome(run)
        if isinstance(found, str):
            place = folder / run.folder
            place.mkdir(parents=True, exist_ok=True)
            (place / "retrain.log").write_text(f"error: {found}\n")
            failed += 1
        else:
            _finish(folder / run.folder, found, run.seed)
    return failed


def _finish(place: Path, accuracy: float, seed: int) -> None:
    metrics = {
        "accuracy": accuracy,
        "best_accuracy": accuracy,
        "loss": 1.0 + accuracy / 1e3 + seed / 1e4,
        "epochs": 2,
        "density": 0.1,
        "effective_density": 0.1,
        "dead_units": 0,
        "unreachable_outputs": 0,
        "collapsed": False,
        "precision": "float32",
        "version": "1",
        "code": "c",
        "data_checksum": "d",
    }
    write_json(place / "metrics.json", metrics)
    write_json(place / "timing.json", {"seconds": [1.0], "device": "cpu", "start": ""})
