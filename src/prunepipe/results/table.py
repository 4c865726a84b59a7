"""Build the long table of results: one row per run, with a visible gap for each missing run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from prunepipe.artifacts import read_arrays, read_json
from prunepipe.errors import ArtifactError
from prunepipe.results.images_seen import images_seen
from prunepipe.results.layout import Run, runs
from prunepipe.results.repeated_runs import notes
from prunepipe.results.standing import DONE, Standings, Upstream
from prunepipe.study.study import Study

COLUMNS = (
    "study", "dataset", "network", "ticket", "check", "prune_ratio", "seed",
    "accuracy", "best_accuracy", "loss", "accuracy_before", "loss_before",
    "density", "effective_density", "dead_units",
    "unreachable_outputs", "narrow_layers", "collapsed", "chance",
    "epochs", "images", "images_total", "seconds", "device", "precision", "deterministic",
    "version", "code", "data_checksum",
    "start", "status", "cause", "note", "run",
)  # fmt: skip
"""Columns of results.csv. Accuracies in percent; accuracy_before, loss_before: of a ticket before retraining, on the
test images (empty for collapsed tickets, dense runs and runs of older versions); dead_units: channels on no path;
unreachable_outputs: classes on no path; narrow_layers: hidden layers cut to a few units; chance: accuracy of guessing,
given for dense runs; images: training images that the run read, each as often as it did; images_total: the same
with the dense run and all other trainings that lead to it; start: checksum of what training started from. `cause`
says why a run is missing, `note` what a run shares with another that should differ from it."""


MEASURED = (
    "accuracy",
    "best_accuracy",
    "loss",
    "epochs",
    "density",
    "effective_density",
    "dead_units",
    "unreachable_outputs",
    "collapsed",
)
"""Keys that the metrics of a run must have."""

FEW_UNITS = 5
"""A layer with more than twice as many units is narrow if no more than these lie on a path."""

NO_SPREAD = 1e-9
"""Standard deviation in points up to which seeds count as equal (float noise is 1e-14)."""


def collect(study: Study, root: Path = Path(), upstream: Upstream = lambda run: ()) -> pd.DataFrame:
    """Read the metrics of every run that a study should have.

    Args:
        study: says which runs should exist.
        root: folder that holds `results/`.
        upstream: names the logs of the stages that a run waits for, see `prunepipe.stages.upstream`.

    Returns:
        One row per run in the study's order; a run without metrics has status "missing" and a cause.
    """
    standings, seen = Standings(root, upstream), images_seen(study, root)
    rows = [
        {"study": study.name, **run.place, **_read(run, root, standings, seen), "run": run.folder}
        for run in runs(study)
    ]
    results = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    return results.assign(note=notes(results))


def _read(
    run: Run, root: Path, standings: Standings, seen: Callable[[Run], dict[str, float]]
) -> dict[str, Any]:
    folder, standing = root / run.folder, standings.of(run)
    if standing.state != DONE:
        return {"status": "missing", "cause": standing.cause}
    try:
        metrics = read_json(folder / "metrics.json", *MEASURED)
        timing = read_json(folder / "timing.json", "seconds", "device")
        structure = _structure(folder)
    except ArtifactError as error:
        return {"status": "missing", "cause": str(error)}
    return {
        **metrics,
        **structure,
        **seen(run),
        "seconds": round(sum(timing["seconds"]), 3),
        "device": timing["device"],
        "deterministic": timing.get("deterministic"),
        "start": timing.get("start", ""),
        "status": "done",
        "cause": "",
    }


def _structure(folder: Path) -> dict[str, Any]:
    """Return how many layers of a ticket are narrow, or the accuracy of guessing on the data of a dense run."""
    if (folder / "layers.json").is_file():
        hidden = read_json(folder / "layers.json", "layers")["layers"][:-1]
        return {"narrow_layers": sum(_is_narrow(layer) for layer in hidden)}
    if not (folder / "logits.safetensors").is_file():
        return {"narrow_layers": 0}
    logits, _ = read_arrays(folder / "logits.safetensors", only=("logits",), finite=False)
    return {"narrow_layers": 0, "chance": 100 / max(logits["logits"].shape[1], 1)}


def _is_narrow(layer: Mapping[str, Any]) -> bool:
    return bool(layer["units"] > 2 * FEW_UNITS and layer["units"] - layer["dead_units"] <= FEW_UNITS)


def histories(runs: Iterable[str], root: Path = Path()) -> pd.DataFrame:
    """Return the training curves of finished runs: one row per run and epoch."""
    return _rows_of(runs, root, "history.json", "epochs", "epoch")


def layers(runs: Iterable[str], root: Path = Path()) -> pd.DataFrame:
    """Return the layer tables of tickets: one row per run and layer."""
    rows = _rows_of(runs, root, "layers.json", "layers", "layer")
    return rows.assign(position=rows.groupby("run").cumcount() + 1)


def _rows_of(runs: Iterable[str], root: Path, file: str, key: str, column: str) -> pd.DataFrame:
    """Return the rows under a key of a file that each run has, if it is finished; `column`: one that rows have."""
    frames = [
        pd.DataFrame(read_json(path, key)[key]).assign(run=run)
        for run in runs
        if (path := root / run / file).is_file()
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", column])
