"""Run the workflow in a copy of the project, on a tiny study."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src")
TINY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05, milestones: [1]}
tickets: [lottery, hybrid]
prune_ratios: [0.9]
seeds: [0]
tables: [hybrid, initial_checks]
"""
RUN = "results/runs/tiny/digits/vgg_digits/tickets/{}/{}/p0.9/seed0"


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


def make_project(folder: Path, study: str = "tiny") -> Path:
    """Return a copy of the project whose config.yaml names a study; that of `tiny` is there."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy2(source, folder / part)
    (folder / "config" / "tiny.yaml").write_text(TINY)
    edit(folder / "config.yaml", "study: quickstart", f"study: {study}")
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
