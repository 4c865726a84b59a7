"""All six tickets that find their mask by training, as a user runs them on the quickstart's data."""

from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import jobs_of, make_project, planned, snakemake

from prunepipe.pruning.tickets import read_mask
from prunepipe.study.loading import load_study

STUDY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05, milestones: [1], batch_size: 16}
tickets:
  imp: {cycles: [0.5, 0.2], checks: [corrupted_data]}
  imp_late_rewinding: {cycles: {share: 0.6}, checks: []}
  imp_lr_rewinding: {cycles: [0.4, 0.2], checks: []}
  gmp: {every: 4, checks: []}
  set: {every: 4, checks: [rearrange]}
  rigl: {every: 4, start: final, checks: [corrupted_data]}
prune_ratios: [0.8]
seeds: [0]
tables: [initial_checks, partial_checks]
"""
RUNS = "results/runs/tiny/digits/vgg_digits"

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose study has run."""
    project = make_project(tmp_path_factory.mktemp("searched") / "project")
    (project / "config" / "tiny.yaml").write_text(STUDY)
    done = snakemake(project, seconds=900, site=["checkpoint_seconds=0"])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    jobs = jobs_of(done.stderr)
    # Cells: imp 3, late 2, LR 2, gmp 1, set 2, rigl 2. Searches: gmp, set, rigl; on corrupted data rigl and one cycle.
    assert (jobs["train_dense"], jobs["retrain"], jobs["search"], jobs["evaluate_search"]) == (2, 12, 5, 3)
    return project


def test_every_cell_cycle_and_search_has_a_row(searched: Path) -> None:
    results = pd.read_csv(searched / "results" / "results.csv", keep_default_na=False)
    assert set(results["status"]) == {"done"}
    rows = {(row.ticket, row.check, row.prune_ratio) for row in results.itertuples()}
    assert {
        ("imp", "none", 0.5),
        ("imp", "none", 0.8),
        ("imp", "corrupted_data", 0.8),
        ("imp_late_rewinding", "none", 0.6),
        ("imp_lr_rewinding", "none", 0.6),
        ("gmp", "as_found", 0.8),
        ("set", "rearrange", 0.8),
        ("rigl", "as_found", 0.8),
        ("rigl", "none", 0.8),
    } <= rows
    wanted = results[results["prune_ratio"] == 0.8]
    assert set(wanted["density"].round(4)) == {0.2}
    verdicts = pd.read_csv(searched / "results" / "tables" / "verdicts.csv", keep_default_na=False)
    assert set(zip(verdicts["ticket"], verdicts["check"], verdicts["prune_ratio"], strict=True)) == {
        ("imp", "corrupted_data", 0.8),
        ("set", "rearrange", 0.8),
        ("rigl", "corrupted_data", 0.8),
    }
    assert "RigL as found" in (searched / "results" / "tables" / "partial_checks.md").read_text()


def test_nothing_is_done_twice_and_no_checkpoint_stays(searched: Path) -> None:
    assert planned(searched) == {}
    assert not list((searched / "results").rglob("checkpoint*"))


def test_a_mask_holds_only_what_the_cycle_before_left(searched: Path) -> None:
    study = load_study(searched / "config" / "tiny.yaml")
    for ticket in ("imp", "imp_late_rewinding", "imp_lr_rewinding"):
        (level,) = study.levels_of(ticket)
        paths = [
            searched / RUNS / "masks" / ticket / "clean" / f"p{ratio}" / "seed0" for ratio in (level, 0.8)
        ]
        before, after = (read_mask(path / "mask.safetensors")[0] for path in paths)
        assert all(not (layer & ~before[name]).any() for name, layer in after.items())


def test_a_new_prune_ratio_shares_the_cycles(searched: Path) -> None:
    study = searched / "config" / "tiny.yaml"
    text = study.read_text()
    study.write_text(text.replace("prune_ratios: [0.8]", "prune_ratios: [0.8, 0.7]"))
    jobs = planned(searched)
    study.write_text(text)
    assert jobs["retrain"] == 9  # imp 2, late 1, LR 1, gmp 1, set 2, rigl 2: no cycle is trained again
    assert jobs["search"] == 4  # the masks that move, of which rigl's on corrupted data too
    assert "train_dense" not in jobs
