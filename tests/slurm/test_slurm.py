"""The slurm profile on a real Slurm: devices, cancelled and timed-out jobs, failures, the same results as here.

Not among the default tests: `make test-slurm` installs Slurm and runs them. Three studies run side by side.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cluster
import pytest
from same_results import differences
from watching import Watcher, running_stages
from workflow_runs import make_project

pytestmark = pytest.mark.slurm

SECONDS = 540  # each call of Snakemake is interrupted after this long

# A network that takes its time without taking the CPU, so that jobs overlap and outlive a time limit anywhere.
NETWORK = """
import os, time
from prunepipe.networks.vgg import VGG

class Slow(VGG):
    def forward(self, images):
        if self.training:
            time.sleep(float(os.environ.get("PAUSE", "0")))
        return super().forward(images)

def slow(*, channels, classes, image_size):
    return Slow([8, "M", 8], channels=channels, classes=classes)
"""
STUDY = """
datasets:
  digits: {{train_images: 300, test_images: 200}}
networks:
  slow: {{architecture: "slow.py:slow"}}
recipe: {{epochs: {epochs}, learning_rate: {rate}}}
tickets: [lottery, random, hybrid]
checks: {{initial: [rearrange], partially_trained: [shuffle_weights]}}
prune_ratios: [0.5]
seeds: [0]
tables: [initial_checks, random]
"""
DENSE = "results/runs/{study}/digits/slow/dense/clean/seed0"
CELL = "results/runs/cells/digits/slow/tickets/lottery/none/p0.5/seed0"


def project(folder: Path, study: str, epochs: int, rate: str = "0.05") -> Path:
    made = make_project(folder, study)
    (made / "slow.py").write_text(NETWORK)
    (made / "config" / f"{study}.yaml").write_text(STUDY.format(epochs=epochs, rate=rate))
    return made


def start(folder: Path, study: str, *arguments: str, pause: float = 0) -> subprocess.Popen[str]:
    """Start Snakemake on a study; a step of training pauses so many seconds. Without a profile it runs here."""
    command = ["timeout", "-s", "INT", str(SECONDS), sys.executable, "-m", "snakemake", *arguments]
    command += ["--config", f"study={study}", "checkpoint_seconds=0"]
    path = os.pathsep.join([os.path.dirname(sys.executable), cluster.search_path()])
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PATH": path, "PAUSE": str(pause)}
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output, text=True)


def submit(folder: Path, study: str, *arguments: str, pause: float = 0) -> subprocess.Popen[str]:
    """Start Snakemake on a study through the slurm profile, with shorter waits than a real cluster needs."""
    waits = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "20")
    return start(folder, study, *arguments, "--workflow-profile", "profiles/slurm", *waits, pause=pause)


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def first_epoch(log: Path) -> int:
    found = re.search(r"^epoch (\d+)/", log.read_text(), re.M)
    return int(found.group(1)) if found else 0


def cancel(folder: Path, running: subprocess.Popen[str], cell: str, epochs: int) -> str:
    """Cancel the Slurm job that trains a cell once it has come so far; return its id."""
    log = folder / cell / "retrain.log"
    while running.poll() is None:
        if log.exists() and f"\nepoch {epochs}/" in log.read_text():
            job = next(
                stage.job for stage in running_stages(folder) if any(cell in part for part in stage.command)
            )
            subprocess.run(["scancel", job], check=True, timeout=20)
            return job
        time.sleep(0.2)
    pytest.fail(f"the cell to cancel was never trained so far: {output(folder)[-5000:]}")


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    reason = cluster.missing()
    if reason:
        pytest.skip(f"no Slurm here: {reason}")
    folder = tmp_path_factory.mktemp("slurm")
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    cluster.start(folder)
    try:
        yield
    finally:
        cluster.stop(folder)


@pytest.fixture(scope="module")
def ended(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """Three projects whose studies ran through Slurm side by side, and the exit codes: cells, long, wrong.

    A job of `cells` is cancelled; one of `long` outlives its time limit of a minute; one of `wrong` cannot work.
    """
    base = tmp_path_factory.mktemp("projects")
    cells = project(base / "cells", "cells", epochs=30)
    long = project(base / "long", "long", epochs=100)
    wrong = project(base / "wrong", "wrong", epochs=2, rate="1.0e+25")
    watcher = Watcher(base)
    watcher.start()
    limit = ("--set-resources", "train_dense:runtime=1", "--retries", "3")
    running = {
        long: submit(long, "long", DENSE.format(study="long") + "/metrics.json", *limit, pause=0.2),
        wrong: submit(wrong, "wrong", DENSE.format(study="wrong") + "/metrics.json", "--retries", "1"),
        cells: submit(cells, "cells", pause=0.05),
    }
    try:
        (cells / "cancelled").write_text(cancel(cells, running[cells], CELL, 5))
        codes = {folder: process.wait() for folder, process in running.items()}
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
            process.wait(60)
        watcher.stop()
    ended = {folder.name: (folder, code) for folder, code in codes.items()}
    ended["watched"] = (base, max(map(len, watcher.seen)))
    for sample in watcher.seen:
        devices = [stage.devices for stage in sample]
        assert sorted(devices) == sorted(set(devices)), f"two jobs on a device: {sample}"
        assert set(devices) <= {"0", "1", "2", "3"}, f"a job without a device of its own: {sample}"
    return ended


def test_the_study_runs_and_its_results_are_those_of_a_run_here(ended, tmp_path: Path) -> None:
    folder, code = ended["cells"]
    assert code == 0, output(folder)[-5000:]
    here = project(tmp_path / "here", "cells", epochs=30)
    assert start(here, "cells", "--cores", "2").wait() == 0, output(here)[-5000:]
    assert (here / "results" / "tables" / "verdicts.csv").stat().st_size > 100
    assert differences(here, folder) == []


def test_four_gpu_jobs_run_at_once_and_no_more(ended) -> None:
    assert ended["watched"][1] == 4  # that each has a device of its own was asserted at every look


def test_a_dense_run_a_cell_and_a_score_are_one_submission_each(ended) -> None:
    text = output(ended["cells"][0])
    cells, dense, scores, cancelled = 6, 1, 2, 1
    assert len(re.findall(r"submitted with SLURM jobid", text)) == cells + dense + scores + cancelled


def test_a_cancelled_job_is_submitted_again_and_goes_on(ended) -> None:
    folder, _ = ended["cells"]
    job = (folder / "cancelled").read_text()
    assert re.search(rf"JOB {job} ON \S+ CANCELLED AT", output(folder))
    assert 5 <= first_epoch(folder / CELL / "retrain.log") <= 30


def test_a_job_that_outlives_its_time_limit_goes_on(ended) -> None:
    folder, code = ended["long"]
    assert code == 0, output(folder)[-5000:]
    assert re.search(r"JOB \d+ ON \S+ CANCELLED AT \S+ DUE TO TIME LIMIT", output(folder))
    # 0: it even finished as its time ran out, and had only to write its results again.
    assert first_epoch(folder / DENSE.format(study="long") / "train_dense.log") != 1


def test_a_failing_run_ends_with_status_one_and_its_log_on_the_screen(ended) -> None:
    folder, code = ended["wrong"]
    assert code == 1
    assert "error: training diverged in epoch 1 of 2" in output(folder)
    assert len(re.findall(r"submitted with SLURM jobid", output(folder))) == 2  # once, and one retry


def test_then_nothing_is_left_to_do(ended) -> None:
    folder, _ = ended["cells"]
    before = len(output(folder))
    assert submit(folder, "cells", "-n").wait() == 0
    assert "Nothing to be done" in output(folder)[before:]
    assert not [*folder.glob("results/**/checkpoint*")]
