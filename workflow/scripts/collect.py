"""Gather the metrics, layer tables and histories of all runs of a study; a missing run leaves a gap."""

import os
from pathlib import Path

from prunepipe.results.collected import write_frame
from prunepipe.results.table import collect, histories, layers
from prunepipe.stages.command_line import run
from prunepipe.stages.upstream import upstream_of
from prunepipe.study.loading import load_study


def main(files):
    """Read every run of the study below this folder, write three tables."""
    study = load_study(Path(files.study))
    # From the environment: the data folder is not part of a result and must not make one stale.
    prepared = os.environ.get("PRUNEPIPE_PREPARED_FOLDER", "data")
    results = collect(study, upstream=upstream_of(study, prepared))
    write_frame(files.results, results)
    write_frame(files.layers, layers(results["run"]))
    write_frame(files.histories, histories(results["run"]))


run(__doc__, main, "study", "results", "layers", "histories")
