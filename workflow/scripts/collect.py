"""Gather the metrics, layer tables and histories of all runs of a study; a missing run leaves a gap."""

from pathlib import Path

from prunepipe.results.collected import write_frame
from prunepipe.results.table import collect, histories, layers
from prunepipe.stages.command_line import run
from prunepipe.study.loading import load_study


def main(files):
    """Read every run of the study in this folder and write three tables."""
    results = collect(load_study(Path(files.study)))
    write_frame(files.results, results)
    write_frame(files.layers, layers(results["run"]))
    write_frame(files.histories, histories(results["run"]))


run(__doc__, main, "study", "results", "layers", "histories")
