"""The wheel works in an empty folder: `prunepipe judge` from a method to a verdict, and after a mistake in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import foreign_methods
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "LICENSE",
    "Snakefile",
    "config.yaml",
    "config",
    "workflow",
    "profiles",
    "envs",
    "src",
)
TINY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05, milestones: [1]}
tickets: [snip]
prune_ratios: [0.7]
seeds: [0]
"""
METHOD = """
import helper
from theirs import Snip

class my_score(Snip):
    def score(self, loss, dataloader):
        return {parameter: helper.scaled(scores) for parameter, scores in super().score(loss, dataloader).items()}
"""
FICKLE = """
import pathlib

def my_score(network, batches, loss):
    if pathlib.Path("my_score.yaml").exists():  # stages run beside it, the trial does not
        raise ValueError("no scores today")
    network.zero_grad()
    for images, labels in batches:
        loss(network(images), labels).backward()
    return {name: parameter.grad.abs() for name, parameter in network.named_parameters()}
"""
HELPER = "def scaled(scores): return 2 * scores\n"

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed, far from the sources."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        place, ignore = ROOT / part, shutil.ignore_patterns("__pycache__", "*.egg-info")
        if place.is_dir():
            shutil.copytree(place, source / part, ignore=ignore)
        else:
            shutil.copy2(place, source / part)
    (source / "README.md").write_text("# prunepipe\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("target")
    subprocess.run(
        [*pip, "wheel", ".", *offline, "--no-build-isolation", "-w", wheels], cwd=source, check=True
    )
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", target, wheel], cwd=target, check=True)
    return target


def judge(target: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "prunepipe.cli",
        "judge",
        "mine.py:my_score",
        "--study",
        "tiny.yaml",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(target)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )


def finished(folder: Path, results: str) -> pd.DataFrame:
    path = folder / "judged" / "my_score" / results / "results.csv"
    results = pd.read_csv(path, keep_default_na=False)
    return results[results["status"] == "done"]


def test_a_class_of_others_is_judged_in_an_empty_folder_and_after_a_mistake_keeps_what_is_finished(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "mine.py").write_text(METHOD)
    (tmp_path / "theirs.py").write_text(Path(foreign_methods.__file__).read_text(encoding="utf-8"))
    (tmp_path / "helper.py").write_text(HELPER)
    done = judge(installed, tmp_path, "--seeds", "3", "--looks", "3,5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "my_score: UNDECIDED" in done.stdout  # three seeds decide nothing here
    assert "Gain in points" in done.stdout
    assert "What a referee would ask next:" in done.stdout
    assert all(f"  {check} " in done.stdout for check in ("half_dataset", "reinit", "invert"))
    runs = finished(tmp_path, "results")
    assert set(runs["ticket"]) == {"full_network", "my_score", "lottery", "random", "random_uniform"}
    assert not list(installed.rglob("*.safetensors"))

    (tmp_path / "helper.py").write_text("def scaled(scores): return scores / 0\n")
    broken = judge(installed, tmp_path, "--seeds", "5", "--looks", "3,5")
    assert broken.returncode == 1
    assert "mine.py:my_score: layer 'features.0.weight' has" in broken.stderr
    assert "NaN or infinite" in broken.stderr
    assert f"of {tmp_path}/mine.py: return" in broken.stderr
    assert len(broken.stderr.strip().splitlines()) == 1
    assert len(finished(tmp_path, "results")) == len(
        runs
    )  # nothing was trained, and what was there has stayed
    assert not list((tmp_path / "judged").rglob("seed3"))


def test_a_method_that_breaks_only_in_the_study_is_not_run_and_the_controls_are_judged(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "mine.py").write_text(FICKLE)
    broken = judge(installed, tmp_path, "--seeds", "3", "--looks", "3")
    assert broken.returncode == 1
    assert "my_score: NOT RUN: score " in broken.stdout
    assert "no scores today" in broken.stdout
    assert "0 of 0" not in broken.stderr
    assert "Study my_score, finished part" in broken.stdout
    assert "results/partial/report.html" in broken.stdout
    assert "lottery: " in broken.stdout
    assert set(finished(tmp_path, "results/partial")["ticket"]) >= {"full_network", "lottery", "random"}
