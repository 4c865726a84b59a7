"""Two studies in one folder, and what a run shows on the terminal."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import RUN, edit, planned, snakemake

from prunepipe.artifacts import read_json, write_json

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]

OUTPUTS = ("results.csv", "report.html", "tables/hybrid.md", "figures/overlap.svg")


def prunepipe(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a project, with its output in pipes."""
    code = "import sys; from prunepipe.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def studies(folder: Path) -> set[str]:
    """Return the studies of the results in a folder."""
    return set(pd.read_csv(folder / "results.csv")["study"])


def test_another_study_leaves_the_configured_one_alone_and_takes_its_place_only_when_configured(
    project: Path,
) -> None:
    results, other = project / "results", project / "results" / "studies" / "other"
    shutil.copy(project / "config" / "tiny.yaml", project / "config" / "other.yaml")
    shutil.copytree(results / "runs" / "tiny", results / "runs" / "other")  # as if it had been trained
    for metrics in (results / "runs" / "other").rglob("metrics.json"):
        values = {key: value for key, value in read_json(metrics).items() if key != "checksum"}
        write_json(metrics, {**values, "study": "other"})
    before = {name: (results / name).stat().st_mtime_ns for name in OUTPUTS}
    done = prunepipe(project, "run", "other", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Study other: 9 of 9 runs done\n")
    assert "Report: results/studies/other/report.html" in done.stdout
    assert len((done.stdout + done.stderr).splitlines()) < 20
    assert {name: (results / name).stat().st_mtime_ns for name in OUTPUTS} == before
    assert all((other / name).is_file() for name in OUTPUTS)
    assert (studies(results), studies(other)) == ({"tiny"}, {"other"})
    assert planned(project) == {}

    refused = snakemake(project, "results/tables/hybrid.csv", site=["study=other"])
    assert "not a file of study other; say results/studies/other/tables/hybrid.csv" in refused.stderr

    edit(project / "config.yaml", "study: tiny", "study: other")
    done = prunepipe(project, "run", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    moved = (
        "note: the tables, figures and report of study tiny were moved from results to results/studies/tiny"
    )
    assert moved in done.stderr.splitlines()
    assert "All studies: results/studies/index.html" in done.stdout
    assert not other.exists()
    assert (studies(results), studies(results / "studies" / "tiny")) == ({"other"}, {"tiny"})
    assert all((results / "studies" / "tiny" / name).is_file() for name in OUTPUTS)
    plain = snakemake(project, "-n", site=["study=other"])
    assert "Nothing to be done" in plain.stderr + plain.stdout  # the same study, however its file is named


def test_a_failure_is_told_once_with_its_cause_and_its_log(project: Path) -> None:
    ticket = project / RUN.format("hybrid", "none") / "ticket.safetensors"
    ticket.write_bytes(ticket.read_bytes()[:-8])
    ticket.with_name("trained.safetensors").unlink()
    done = prunepipe(project, "run", "--cores", "2")
    assert done.returncode != 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Study tiny: 9 of 9 runs done"  # its metrics are still there
    assert lines[-2].startswith("error: retrain: ")
    assert "not a file of this pipeline" in lines[-2]
    assert lines[-1] == f"  {RUN.format('hybrid', 'none')}/retrain.log"
    assert done.stdout.count("error:") == 1
    plain = snakemake(project, f"{RUN.format('hybrid', 'none')}/trained.safetensors").stderr
    assert all(line in plain.splitlines() for line in lines[-2:]), plain[-3000:]  # the same last lines


def test_a_mistake_that_keeps_snakemake_from_starting_is_told_in_a_line(project: Path) -> None:
    done = prunepipe(project, "run", "--config", "threads=5000")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("error: config.yaml: threads: ")
