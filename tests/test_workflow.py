"""The workflow as a user runs it: end to end, nothing done twice, everything stale redone, errors in a line."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

import prunepipe
from prunepipe.artifacts import read_json, write_json

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src")
TINY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05, drops: [1]}
tickets: [lottery, hybrid]
prune_ratios: [0.9]
seeds: [0]
tables: [hybrid, initial_checks]
"""
RUN = "results/runs/tiny/digits/vgg_digits/tickets/{}/{}/p0.9/seed0"
CELLS = {
    "lottery": ("none", "corrupted_data", "rearrange"),
    "hybrid": ("none", "half_dataset", "shuffle_weights"),
}

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


def snakemake(
    project: Path, *arguments: str, seconds: float = 300, site: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--config", "study=tiny", *site]
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def planned(project: Path, *arguments: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans."""
    done = snakemake(project, "-n", *arguments)
    assert done.returncode == 0, done.stderr
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", done.stdout + done.stderr, re.M | re.S)
    rows = [line.split() for line in table.group(1).splitlines()] if table else []
    return {rule: int(count) for rule, count in rows if rule != "all"}


def make_project(folder: Path) -> Path:
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy2(source, folder / part)
    (folder / "config" / "tiny.yaml").write_text(TINY)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tiny study has run; not to be changed."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project")
    done = snakemake(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, with its times of change."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_every_run_has_a_row_and_every_table_and_figure_is_there(finished: Path) -> None:
    results = pd.read_csv(finished / "results" / "results.csv", keep_default_na=False)
    assert set(results["status"]) == {"done"}
    cells = {(row.ticket, row.check) for row in results.itertuples() if row.ticket != "full_network"}
    assert cells == {(ticket, check) for ticket, checks in CELLS.items() for check in checks}
    assert set(results[results["ticket"] == "full_network"]["check"]) == {
        "none",
        "corrupted_data",
        "half_dataset",
    }
    pruned = results[results["ticket"] != "full_network"]
    assert set(pruned["density"].round(4)) == {0.1}
    tables = ("hybrid.csv", "hybrid.md", "hybrid.tex", "initial_checks.csv", "verdicts.csv", "verdicts.md")
    for name in tables:
        assert (finished / "results" / "tables" / name).stat().st_size > 100
    for name in ("initial_checks.png", "initial_checks.svg", "overlap.png"):
        assert (finished / "results" / "figures" / name).stat().st_size > 5000
    assert not list(finished.rglob("checkpoint*"))


def test_nothing_is_done_twice(finished: Path) -> None:
    done = snakemake(finished, "-n")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_new_prune_ratio_runs_only_what_is_new(project: Path) -> None:
    edit(project / "config" / "tiny.yaml", "[0.9]", "[0.9, 0.8]")
    plan = planned(project)
    assert {rule: plan[rule] for rule in ("mask", "check", "retrain", "evaluate")} == {
        "mask": 4,
        "check": 6,
        "retrain": 6,
        "evaluate": 6,
    }
    assert not plan.keys() & {"prepare_dataset", "initialise", "train_dense", "rewind", "score"}


def test_a_new_seed_runs_only_its_own_cells(project: Path) -> None:
    edit(project / "config" / "tiny.yaml", "seeds: [0]", "seeds: [0, 1]")
    plan = planned(project)
    assert (plan["train_dense"], plan["retrain"], plan["check"]) == (3, 6, 6)
    assert "prepare_dataset" not in plan


def test_a_new_ticket_shares_what_is_there(project: Path) -> None:
    edit(project / "config" / "tiny.yaml", "[lottery, hybrid]", "[lottery, hybrid, learning_rate_rewinding]")
    plan = planned(project)
    assert plan["retrain"] == 3
    assert not plan.keys() & {"train_dense", "score", "initialise"}  # same dense runs, same scores


@pytest.mark.parametrize("file", ["tables/building.py", "plots/style.py", "judging/wording.py"])
def test_editing_table_or_plot_code_never_retrains(project: Path, file: str) -> None:
    path = project / "src" / "prunepipe" / file
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    assert planned(project).keys() <= {"table", "figure", "verdicts", "report"}
    assert planned(project)


def test_editing_code_that_a_stage_uses_makes_it_stale(project: Path) -> None:
    package = project / "src" / "prunepipe"
    edit(
        package / "checks.py",
        "generator.permutation(layer.ravel())",
        "generator.permutation(1 * layer.ravel())",
    )
    plan = planned(project)
    assert plan["check"] >= 1
    assert not plan.keys() & {"train_dense", "score", "initialise", "prepare_dataset"}
    edit(package / "engine.py", "alpha=-learning_rate", "alpha=-1.0 * learning_rate")
    assert planned(project)["train_dense"] == 3


def test_comments_and_docstrings_make_nothing_stale(project: Path) -> None:
    edit(project / "src" / "prunepipe" / "engine.py", '"""', '"""Now with other words. ')
    edit(project / "workflow" / "scripts" / "retrain.py", "\n", "\n# A comment.\n")
    assert planned(project) == {}


def test_a_changed_recipe_makes_training_stale_and_not_the_data(project: Path) -> None:
    edit(project / "config" / "tiny.yaml", "learning_rate: 0.05", "learning_rate: 0.04")
    plan = planned(project)
    assert (plan["train_dense"], plan["retrain"]) == (3, 6)
    assert "prepare_dataset" not in plan


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: [0]", "seed: [0]", "unknown key 'seed'. Did you mean 'seeds'?"),
        ("[lottery, hybrid]", "[lotery]", "unknown ticket 'lotery'. Did you mean 'lottery'?"),
        ("[0.9]", "[0.9999]", "lower the prune ratio or choose another allocation"),
    ],
)
def test_a_mistake_in_the_study_is_a_line_and_not_a_traceback(
    finished: Path, old: str, new: str, message: str
) -> None:
    study = finished / "config" / "wrong.yaml"
    study.write_text(TINY.replace(old, new))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "study=wrong"]
    done = subprocess.run(command, cwd=finished, capture_output=True, text=True, check=False)
    study.unlink()
    said = [
        line for line in done.stderr.splitlines() if not line.startswith(("Using workflow", "Config file"))
    ]
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(said) <= 2, said


def test_a_truncated_artifact_is_named_with_the_command_that_remakes_it(project: Path) -> None:
    ticket = project / RUN.format("hybrid", "none") / "ticket.safetensors"
    trained = ticket.with_name("trained.safetensors")
    ticket.write_bytes(ticket.read_bytes()[:-8])
    trained.unlink()
    done = snakemake(project)
    assert done.returncode != 0
    pattern = r"error: (\S+): not a file of this pipeline.*Remake it with: (snakemake .*)"
    said = re.search(pattern, done.stdout + done.stderr)
    assert said is not None
    assert said.group(1).endswith("hybrid/none/p0.9/seed0/ticket.safetensors")
    remade = snakemake(project, *said.group(2).split()[1:-2])
    assert remade.returncode == 0, remade.stderr
    assert snakemake(project).returncode == 0


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
    shutil.rmtree(project / "results")
    target = f"{RUN.format('lottery', 'none')}/metrics.json"
    assert snakemake(project, target).returncode == 0
    before = planned(project)
    assert snakemake(project, "partial").returncode == 0
    results = pd.read_csv(project / "results" / "partial" / "results.csv", keep_default_na=False)
    assert sorted(set(results["status"])) == ["done", "missing"]
    assert planned(project) == before


def test_results_of_another_version_are_left_alone_until_told(project: Path) -> None:
    mark = project / "results" / "runs" / "tiny" / "prunepipe.json"
    write_json(mark, {"version": "0.0.7"})
    files = {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")}
    refused = snakemake(project)
    assert refused.returncode != 0
    assert "made by prunepipe 0.0.7" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in (project / "results").rglob("*")} == files
    assert "upgrade_results=true" in refused.stderr
    (project / "results" / "tables" / "hybrid.csv").unlink()
    assert snakemake(project, site=["upgrade_results=true"]).returncode == 0
    assert read_json(mark)["version"] == prunepipe.__version__
    assert snakemake(project, "-n").returncode == 0


def test_snakemakes_own_report_has_the_results_with_their_captions(project: Path) -> None:
    done = snakemake(project, "--report", "report.html")
    assert done.returncode == 0, done.stderr
    page = (project / "report.html").read_text(encoding="utf-8")
    captions = ("Every method is pruned, checked", "Test accuracy of initial tickets", "What each check did")
    assert all(caption in page for caption in (*captions, "The whole study on one page"))


def test_one_table_can_be_asked_for(project: Path) -> None:
    (project / "results" / "tables" / "hybrid.csv").unlink()
    assert snakemake(project, "results/tables/hybrid.csv").returncode == 0
    assert (project / "results" / "tables" / "hybrid.csv").is_file()


def test_a_stage_can_be_run_by_hand(project: Path) -> None:
    folder = RUN.format("lottery", "none")
    before = (project / folder / "metrics.json").read_text()
    done = snakemake(project, "-n", "-p", "--forcerun", "evaluate")
    commands = re.findall(r"launch.py (evaluate.py .*) &> ", done.stdout + done.stderr)
    command = next(line for line in commands if f"{folder}/metrics.json" in line)
    (project / folder / "metrics.json").unlink()
    subprocess.run(f"{sys.executable} workflow/scripts/{command}", shell=True, cwd=project, check=True)
    assert (project / folder / "metrics.json").read_text() == before
