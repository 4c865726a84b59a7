"""The shipped studies, planned and not run: the right number of jobs a rule, one dense run for all its tickets."""

from pathlib import Path

import pytest
import yaml
from workflow_runs import jobs_of, snakemake

from prunepipe.study.loading import load_study

ROOT = Path(__file__).parents[2]
SHIPPED = {
    # paper: 4 networks x data sets, 3 prune ratios; 4 tickets x 3 checks + 3 tickets unchecked. Scores, for every ratio
    # at once: magnitude (clean, corrupted, half), random, snip and grasp (clean, corrupted), obd. Masks: lottery 2,
    # snip 2, grasp 2, learning-rate rewinding 2, random, obd, hybrid; rearranged ones share.
    "paper": {"datasets": 2, "places": 4, "dense": 3, "cells": (4 * 3 + 3) * 3, "scores": 9, "masks": 11 * 3},
    "tiny_imagenet": {"datasets": 1, "places": 2, "dense": 3, "cells": (4 * 3 + 3) * 3},
    "prune_ratio_ablation": {"datasets": 2, "places": 4, "dense": 1, "cells": 5 * 3},
}

pytestmark = pytest.mark.workflow


def dry_run_of_one_seed(study: str, folder: Path) -> dict[str, int]:
    """Return how many jobs of each rule a shipped study plans for its first seed; the others repeat them."""
    for part in ("Snakefile", "config.yaml", "workflow", "profiles", "envs"):
        (folder / part).symlink_to(ROOT / part)
    (folder / "config").mkdir()
    values = yaml.safe_load((ROOT / "config" / f"{study}.yaml").read_text(encoding="utf-8"))
    (folder / "config" / f"{study}.yaml").write_text(yaml.safe_dump(values | {"seeds": values["seeds"][:1]}))
    place = {"PYTHONPATH": str(ROOT / "src")}
    done = snakemake(folder, "-n", site=[f"study={study}"], environment=place)
    assert done.returncode == 0, done.stderr[-2000:]
    return jobs_of(done.stdout + done.stderr)


@pytest.mark.parametrize("study", SHIPPED)
def test_a_shipped_study_plans_the_right_jobs(study: str, tmp_path: Path) -> None:
    expected, plan = SHIPPED[study], dry_run_of_one_seed(study, tmp_path)
    places = expected["places"]
    assert len(load_study(ROOT / "config" / f"{study}.yaml").seeds) == 5
    assert plan["prepare_dataset"] == expected["datasets"]
    assert plan["train_dense"] == plan["evaluate_dense"] == expected["dense"] * places
    assert plan["check"] == plan["retrain"] == plan["evaluate"] == expected["cells"] * places
    assert plan["score"] == expected.get("scores", plan["score"] // places) * places
    assert plan["mask"] == expected.get("masks", plan["mask"] // places) * places
