"""The shipped studies, planned and not run: the right number of jobs a rule, one dense run for all its tickets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = {
    # paper: 4 networks x data sets, 5 seeds, 3 prune ratios; 4 tickets x 3 checks + 3 tickets unchecked.
    "paper": {"datasets": 2, "places": 4, "seeds": 5, "dense": 3, "cells": (4 * 3 + 3) * 3},
    "tiny_imagenet": {"datasets": 1, "places": 2, "seeds": 5, "dense": 3, "cells": (4 * 3 + 3) * 3},
    "prune_ratio_ablation": {"datasets": 2, "places": 4, "seeds": 5, "dense": 1, "cells": 5 * 3},
}

pytestmark = pytest.mark.workflow


def dry_run(study: str, folder: Path) -> dict[str, int]:
    for part in ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs"):
        (folder / part).symlink_to(ROOT / part)
    command = [sys.executable, "-m", "snakemake", "-n", "--config", f"study={study}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", done.stdout + done.stderr, re.M | re.S)
    assert table is not None
    return {rule: int(count) for rule, count in (line.split() for line in table.group(1).splitlines())}


@pytest.mark.parametrize("study", SHIPPED)
def test_a_shipped_study_plans_the_right_jobs(study: str, tmp_path: Path) -> None:
    expected, plan = SHIPPED[study], dry_run(study, tmp_path)
    repetitions = expected["places"] * expected["seeds"]
    assert plan["prepare_dataset"] == expected["datasets"]
    assert plan["train_dense"] == plan["evaluate_dense"] == expected["dense"] * repetitions
    assert plan["check"] == plan["retrain"] == plan["evaluate"] == expected["cells"] * repetitions


def test_scores_are_shared_by_tickets_and_prune_ratios(tmp_path: Path) -> None:
    plan = dry_run("paper", tmp_path)
    # magnitude (clean, corrupted, half), random, snip and grasp (clean, corrupted), obd: for every ratio at once.
    assert plan["score"] == 9 * 4 * 5
    # masks: lottery 2, snip 2, grasp 2, learning-rate rewinding 2, random, obd, hybrid; rearranged ones share.
    assert plan["mask"] == 11 * 3 * 4 * 5
