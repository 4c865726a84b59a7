"""Prune ratios that tickets cannot meet on a network of the user's own fail before training, and the others run."""

from pathlib import Path

import pytest
from workflow_runs import edit, make_project, snakemake

from prunepipe.artifacts import read_json
from prunepipe.results.layout import runs
from prunepipe.results.standing import FAILED, Standings
from prunepipe.stages.upstream import upstream_of
from prunepipe.study.loading import load_study

NETWORK = """
from torch import nn


def mlp(*, channels, classes, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, classes))
"""
TOLD = {
    "lottery": "allocation 'global_conv' fixes the share of Linear layers ",
    "random": "allocation 'smart' fixes the share of Linear layers ",
}


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_each_is_told_before_training_and_the_tickets_that_can_meet_them_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "net.py").write_text(NETWORK)
    study = project / "config" / "tiny.yaml"
    edit(study, "[vgg_digits]", "{mlp: {architecture: 'net.py:mlp'}}")
    edit(study, "tickets: [lottery, hybrid]", "tickets: [lottery, random, snip]\nchecks: {initial: []}")
    done = snakemake(project, "--quiet", "all")
    assert done.returncode == 1
    for ticket, words in TOLD.items():
        (line,) = [line for line in done.stderr.splitlines() if f"ticket '{ticket}'" in line]
        assert line.startswith(
            f"error: budget: prune_ratios: 0.9, ticket '{ticket}' on mlp (digits): {words}"
        )
        assert line.endswith(
            "all prunable layers are Linear; write `allocation: erk` or `allocation: uniform_all`."
        )

    folder = project / "results" / "runs" / "tiny" / "digits" / "mlp"
    kept = {path.parts[-3]: read_json(path) for path in folder.glob("budgets/*/p0.9/budget.json")}
    assert kept == {"snip": {"weights": 64 * 16 + 16 * 10, "kept": 118}}
    told = max(log.stat().st_mtime_ns for log in folder.glob("budgets/*/p0.9/budget.log"))
    (trained,) = folder.glob("dense/clean/seed0/history.json")
    assert told < trained.stat().st_mtime_ns
    loaded = load_study(study)
    standings = Standings(project, upstream_of(loaded, "data"))
    failed = {run.ticket for run in runs(loaded) if standings.of(run).state == FAILED}
    assert failed == set(TOLD)
    assert list(folder.glob("tickets/snip/none/p0.9/seed0/metrics.json"))
