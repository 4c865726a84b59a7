"""A few kills of a small study; many are for `make test-faults KILLS=100`."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_study import Outcome, kill_until_done, leftovers, new_project, processes, start, undisturbed
from same_results import differences

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("workflow")]

STUDY = """
datasets:
  digits: {train_images: 500, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 8, learning_rate: 0.05}
tickets: {hybrid: {checks: []}}
prune_ratios: [0.9]
seeds: [0]
"""
NETWORK = "results/runs/killed/digits/vgg_digits"
CELL = f"{NETWORK}/tickets/hybrid/none/p0.9/seed0/metrics.json"
DENSE = f"{NETWORK}/dense/clean/seed0/metrics.json"


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    peace, killed = new_project(tmp_path / "peace", STUDY), new_project(tmp_path / "killed", STUDY)
    undisturbed(peace, CELL, DENSE)
    outcome = Outcome()
    kill_until_done(killed, 3, 2.0, random.Random(1), outcome, CELL, DENSE)
    assert outcome.killed.total() == 3
    assert differences(peace, killed) == []
    assert [path for path in leftovers(killed) if path.endswith("/checkpoint.safetensors")] == []


def test_a_second_snakemake_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", STUDY.replace("epochs: 8", "epochs: 1000"))
    log = (project / DENSE).with_name("train_dense.log")
    first = start(project, DENSE)
    started = [first]
    try:
        wait_for(lambda: log.exists() and "epoch 1/1000" in log.read_text())
        stages = processes(project)["stage"]
        for stage in stages:
            os.kill(stage, signal.SIGSTOP)  # it lives, and leaves the processor to the test
        assert start(project, "partial").wait() == 0  # may look on; its end takes Snakemake's own locks away
        assert not list((project / ".snakemake").glob("locks/*"))
        started.append(start(project, CELL))
        assert started[1].wait(timeout=60) != 0
        said = (project / "output.txt").read_text()
        assert f"another Snakemake is running here (process {first.pid} on " in said
        assert "Traceback" not in said
        assert first.poll() is None
        assert processes(project)["stage"] == stages
    finally:
        for running in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    for stage in stages:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stage, signal.SIGCONT)
    wait_for(lambda: not processes(project).keys() & {"stage", "launcher"})
    assert start(project, f"{NETWORK}/initial/reinit/seed0/weights.safetensors").wait() == 0  # free again


def test_after_a_killed_snakemake_the_lock_is_explained_and_the_study_goes_on(tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", STUDY)
    log = (project / DENSE).with_name("train_dense.log")
    running = start(project, DENSE)
    wait_for(lambda: log.exists() and "epoch 1/8" in log.read_text())
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert "stage" in processes(project)  # it goes on without Snakemake
    wait_for(lambda: not processes(project).keys() & {"stage", "launcher"})

    assert start(project, DENSE).wait() != 0
    said = (project / "output.txt").read_text()
    assert "Directory cannot be locked" in said
    assert "--unlock" in said

    assert start(project, "--unlock").wait() == 0
    assert start(project, DENSE).wait() == 0
    assert (project / DENSE).is_file()
