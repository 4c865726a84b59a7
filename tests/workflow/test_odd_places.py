"""Stages start wherever the project lies and whatever the shell finds, and the user's modules are the user's."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from workflow_runs import make_project, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]

STUDY = """
datasets:
  digits: {train_images: 60, test_images: 30}
networks: [vgg_digits]
recipe: {epochs: 1, learning_rate: 0.05}
tickets:
  mine: {scored: init, score: "own/mine.py:score", allocation: global, start: init, checks: []}
prune_ratios: [0.9]
seeds: [0]
tables: [random]
scoring: {images_per_class: 2}
"""
RUNS = "results/runs/tiny/digits/vgg_digits"
MASK = f"{RUNS}/masks/mine/clean/p0.9/seed0/mask.safetensors"
OWN = {
    "mine.py": "import mask, stage\nfrom prunepipe.api import prunable\n\n"
    "def score(network, batches, loss, *, generator):\n"
    "    return {name: mask.top(weight) * stage.ONE for name, weight in prunable(network).items()}\n",
    "mask.py": "def top(weight):\n    return weight.detach().abs()\n",
    "stage.py": "ONE = 1\n",
}


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake where the shell finds no python, and Python looks into no script's folder."""
    library = str(project.parent / "library")  # a path with a colon would be two
    return snakemake(
        project,
        *arguments,
        environment={"PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1", "PYTHONPATH": library},
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder with a colon and a blank, without run bits, whose scores are there."""
    folder = tmp_path_factory.mktemp("odd")
    project = make_project(folder / "a:b c")
    (folder / "library").symlink_to(project / "src")
    (project / "config" / "tiny.yaml").write_text(STUDY)
    (project / "own").mkdir()
    for name, text in OWN.items():
        (project / "own" / name).write_text(text)
    for script in (project / "workflow" / "scripts").iterdir():
        script.chmod(0o644)
    done = run(project, MASK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return project


def test_the_users_modules_are_not_taken_for_our_scripts(odd: Path) -> None:
    assert (odd / MASK).is_file()


def test_what_a_stage_used_is_its_own_and_not_its_launchers(odd: Path) -> None:
    (path,) = odd.glob(f"{RUNS}/scores/**/score.benchmark.jsonl")
    usage = json.loads(path.read_text())
    assert usage["peak_memory_mib"] > 100  # with torch; a launcher has 20
    assert usage["cpu_seconds"] > 0.1
    assert usage["seconds"] > 0


def test_an_edit_beside_the_users_file_makes_its_scores_stale(odd: Path) -> None:
    helper = odd / "own" / "mask.py"
    helper.write_text('"""What is largest."""\n\n' + OWN["mask.py"])
    assert "Nothing to be done" in (unchanged := run(odd, "-n", MASK)).stdout + unchanged.stderr
    helper.write_text(OWN["mask.py"].replace("abs()", "square()"))
    assert re.search(r"^score +1$", run(odd, "-n", MASK).stdout, re.M)
    helper.write_text(OWN["mask.py"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"\xef\xbb\xbf" + OWN["mine.py"].replace("\n", "\r\n").encode(), "Nothing to be done"),
        (
            OWN["mine.py"].replace("generator):", "generator)").encode(),
            "mine.py, line 4: not Python (expected ':')",
        ),
    ],
)
def test_a_users_file_is_read_as_python_reads_it(odd: Path, source: bytes, said: str) -> None:
    (odd / "own" / "mine.py").write_bytes(source)
    done = run(odd, "-n", MASK)
    (odd / "own" / "mine.py").write_text(OWN["mine.py"])
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower() or "Error" in line]
        assert len(errors) == 1, done.stderr
