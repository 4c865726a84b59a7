"""A stage is told what it reads, and nothing else: a change of the study makes stale what reads what it changes."""

import json
import shutil
from pathlib import Path

import pytest
from workflow_runs import edit, make_project, planned, snakemake

STUDY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 1, learning_rate: 0.05, batch_size: 64, augmentation: {flip: false}}
tickets: [snip, random, magnitude_at_init]
checks: {initial: []}
prune_ratios: [0.9]
seeds: [0]
tables: [random]
"""
GATHERING = {"collect", "overlap", "table", "figure", "verdicts", "report"}
"""Rules that show the whole study, and so are told all of it."""
COLLAPSED = "seeds: [0]", "seeds: [0]\ntrain_collapsed: true"
CELL = "results/runs/tiny/digits/vgg_digits/tickets/{}/none/p0.9/seed0"

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose runs are finished: one score reads images, two read none."""
    project = make_project(tmp_path_factory.mktemp("reading") / "project")
    (project / "config" / "tiny.yaml").write_text(STUDY)
    done = snakemake(project, "--until", "evaluate", "evaluate_dense")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


def plan(project: Path, old: str, new: str) -> dict[str, int]:
    """Return the jobs that a changed study plans, but for those that show the whole study."""
    study = project / "config" / "tiny.yaml"
    study.write_text(STUDY)
    edit(study, old, new)
    jobs = planned(project)
    study.write_text(STUDY)
    return {rule: count for rule, count in jobs.items() if rule not in GATHERING}


def test_the_images_that_scores_read_concern_the_scores_that_read_images(reading: Path) -> None:
    found = plan(reading, "seeds: [0]", "seeds: [0]\nscoring: {images_per_class: 5}")
    assert found == dict.fromkeys(("score", "mask", "check", "retrain", "evaluate"), 1)


@pytest.mark.parametrize(
    ("old", "new", "scores"), [("batch_size: 64", "batch_size: 32", 0), ("flip: false", "flip: true", 1)]
)
def test_how_images_are_read_concerns_training_and_the_scores_that_read_so(
    reading: Path, old: str, new: str, scores: int
) -> None:
    found = plan(reading, old, new)
    assert (found["train_dense"], found["retrain"]) == (1, 3)
    assert found.get("score", 0) == scores


def test_training_collapsed_tickets_concerns_collapsed_tickets(reading: Path) -> None:
    cells = {name: reading / CELL.format(name) for name in ("snip", "random", "magnitude_at_init")}
    layers = {name: json.loads((cell / "layers.json").read_text()) for name, cell in cells.items()}
    assert [name for name, described in layers.items() if described["collapsed"]] == ["magnitude_at_init"]
    assert plan(reading, *COLLAPSED) == {"retrain": 1, "evaluate": 1}


def test_a_collapsed_ticket_is_trained_where_its_layers_are_made_in_the_same_run(reading: Path) -> None:
    cell = reading / CELL.format("magnitude_at_init")
    shutil.rmtree(cell)
    study = reading / "config" / "tiny.yaml"
    study.write_text(STUDY.replace(*COLLAPSED))
    done = snakemake(reading, "--until", "evaluate", "evaluate_dense")
    again = planned(reading)
    study.write_text(STUDY)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(json.loads((cell / "history.json").read_text())["epochs"]) == 1
    assert again.keys() <= GATHERING
