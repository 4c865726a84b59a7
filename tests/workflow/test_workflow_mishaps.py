"""What the workflow says and keeps when something is missing, damaged, unfinished or of another version."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import RUN, planned, snakemake

import prunepipe
from prunepipe.artifacts import read_json, write_json
from prunepipe.planning.costs import plan
from prunepipe.study.loading import load_study

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


def test_a_truncated_artifact_is_named_with_the_command_that_remakes_it(project: Path) -> None:
    ticket = project / RUN.format("hybrid", "none") / "ticket.safetensors"
    trained = ticket.with_name("trained.safetensors")
    ticket.write_bytes(ticket.read_bytes()[:-8])
    trained.unlink()
    done = snakemake(project, str(trained.relative_to(project)))
    assert done.returncode != 0
    pattern = r"error: (\S+): not a file of this pipeline.*Remake it with: (snakemake .*)"
    said = re.search(pattern, done.stdout + done.stderr)
    assert said is not None
    assert said.group(1).endswith("hybrid/none/p0.9/seed0/ticket.safetensors")
    remade = snakemake(project, *said.group(2).split()[1:-2])
    assert remade.returncode == 0, remade.stderr
    assert snakemake(project, str(trained.relative_to(project))).returncode == 0


def test_a_failed_run_leaves_a_gap_with_its_cause_and_the_finished_ones(project: Path) -> None:
    folder = project / RUN.format("hybrid", "none")
    (folder / "metrics.json").unlink()
    (folder / "retrain.log").write_text("error: training diverged in epoch 1 of 2\n")
    os.utime(folder / "retrain.log", (2e9, 2e9))
    done = snakemake(project, "partial")
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(project / "results" / "partial" / "results.csv", keep_default_na=False)
    missing = results[results["status"] == "missing"]
    assert list(missing["cause"]) == ["error: training diverged in epoch 1 of 2"]
    partial = project / "results" / "partial"
    assert "training diverged" in (partial / "tables" / "hybrid.md").read_text()
    for made in ("tables/verdicts.csv", "figures/initial_checks.png", "figures/overlap.svg", "report.html"):
        assert (partial / made).stat().st_size > 500


def test_what_is_there_can_be_looked_at_and_the_rest_is_still_to_be_done(project: Path) -> None:
    done = project / "done"
    (project / "results").rename(done)
    jobs = planned(project)
    submitted = sum(jobs[rule] for rule in ("train_dense", "retrain", "score"))
    assert plan(load_study(project / "config" / "tiny.yaml")).submissions == submitted
    shutil.copytree(done / "runs", project / "results" / "runs")
    shutil.rmtree(project / RUN.format("hybrid", "none"))
    before = planned(project)
    assert snakemake(project, "partial").returncode == 0
    results = pd.read_csv(project / "results" / "partial" / "results.csv", keep_default_na=False)
    assert sorted(set(results["status"])) == ["done", "missing"]
    assert planned(project) == before


def test_results_of_another_version_are_left_alone_until_told(project: Path) -> None:
    mark = project / "results" / "runs" / "tiny" / "prunepipe.json"
    write_json(mark, {"version": "0.0.7"})
    (project / "results" / "tables" / "hybrid.csv").unlink()  # something to do
    files = {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")}
    refused = snakemake(project)
    assert refused.returncode != 0
    assert "made by prunepipe 0.0.7" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")} == files
    assert "upgrade_results=true" in refused.stderr
    looked = snakemake(project, "-n")
    assert looked.returncode == 0
    assert "warning: results/runs/tiny: made by prunepipe 0.0.7" in looked.stderr
    table = "results/tables/hybrid.csv"
    assert snakemake(project, table, site=["upgrade_results=true"]).returncode == 0
    assert read_json(mark)["version"] == prunepipe.__version__
    assert "warning" not in snakemake(project, "-n").stderr


def test_snakemakes_own_report_is_of_the_work_and_holds_the_page_and_no_second_table(project: Path) -> None:
    done = snakemake(project, "--report", "report.html")
    assert done.returncode == 0, done.stderr
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "This report describes the execution" in page
    assert "The whole study on one page" in page
    assert "results/report.html" in page
    assert "Holm" not in page  # captions of tables and figures, which our page holds


def test_one_table_can_be_asked_for(project: Path) -> None:
    (project / "results" / "tables" / "hybrid.csv").unlink()
    assert snakemake(project, "results/tables/hybrid.csv").returncode == 0
    assert (project / "results" / "tables" / "hybrid.csv").is_file()
    refused = snakemake(project, "results/tables/hybird.csv")
    assert "error: results/tables/hybird.csv: unknown table 'hybird'. Did you mean 'hybrid'" in refused.stderr


def test_a_stage_can_be_run_by_hand(project: Path) -> None:
    folder = RUN.format("lottery", "none")
    before = (project / folder / "metrics.json").read_text()
    done = snakemake(project, "-n", "-p", "--forcerun", "evaluate")
    commands = re.findall(r"launch.py (evaluate.py .*) &> ", done.stdout + done.stderr)
    command = next(line for line in commands if f"{folder}/metrics.json" in line)
    (project / folder / "metrics.json").unlink()
    subprocess.run(f"{sys.executable} workflow/scripts/{command}", shell=True, cwd=project, check=True)
    assert (project / folder / "metrics.json").read_text() == before
