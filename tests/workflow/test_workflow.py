"""The workflow as a user runs it: end to end, nothing done twice, everything stale redone, errors in a line."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import TINY, edit, planned, snakemake

CELLS = {
    "lottery": ("none", "corrupted_data", "rearrange"),
    "hybrid": ("none", "half_dataset", "shuffle_weights"),
}

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


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
    assert not list((finished / "results").rglob("checkpoint*"))


def test_nothing_is_done_twice(finished: Path) -> None:
    done = snakemake(finished, "-n")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_copied_project_has_nothing_to_do(finished: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(finished, copied, copy_function=shutil.copyfile)  # without time stamps
    for prepared in (copied / "data").glob("*.safetensors"):
        os.utime(prepared, (time.time() + 7200,) * 2)
    done = snakemake(copied, "-n")
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


@pytest.mark.parametrize(
    ("file", "rule"),
    [
        ("reports/tables/building.py", "table"),
        ("reports/plots/style.py", "figure"),
        ("verdicts/wording.py", "verdicts"),
    ],
)
def test_editing_table_or_plot_code_never_retrains(project: Path, file: str, rule: str) -> None:
    path = project / "src" / "prunepipe" / file
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    stale = planned(project).keys()
    assert rule in stale
    assert stale <= {"table", "figure", "verdicts", "report"}


def test_editing_code_that_a_stage_uses_makes_it_stale(project: Path) -> None:
    package = project / "src" / "prunepipe"
    edit(
        package / "pruning" / "checks.py",
        "generator.permutation(layer.ravel())",
        "generator.permutation(1 * layer.ravel())",
    )
    plan = planned(project)
    assert plan["check"] >= 1
    assert not plan.keys() & {"train_dense", "score", "initialise", "prepare_dataset"}
    edit(package / "training" / "optimizers.py", "alpha=-learning_rate", "alpha=-1.0 * learning_rate")
    assert planned(project)["train_dense"] == 3


def test_comments_docstrings_and_messages_make_nothing_stale(project: Path) -> None:
    package = project / "src" / "prunepipe"
    edit(package / "artifacts.py", "cannot be written", "could not be written")
    edit(package / "errors.py", "Remake it with", "Make it again with")
    edit(project / "src" / "prunepipe" / "training" / "step.py", '"""', '"""Now with other words. ')
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
        ("[0.9]", "[0.9999]", "lower the prune ratio or these shares, or write `allocation: erk`"),
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
