"""`prunepipe run --until-decided` from an empty folder: stopped and killed on its way, it finds the same words.

The method that is judged is a pruner on torch.nn.utils.prune.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import foreign_methods
import pandas as pd
import psutil
import pytest
from workflow_runs import ROOT

STUDY = """
datasets:
  digits: {train_images: 200, test_images: 100}
networks: [vgg_digits]
recipe: {epochs: 2, learning_rate: 0.05}
tickets:
  theirs:
    {scored: init, score: "foreign_methods.py:global_pruner", allocation: constructed, start: init, checks: [rearrange]}
prune_ratios: [0.9]
seeds: [0, 1, 2, 3]
verdict: {margin: 8.0, looks: [3]}
tables: [initial_checks]
"""
SECONDS = 1200.0


def start(folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    (folder / "small.yaml").write_text(STUDY)
    source = Path(foreign_methods.__file__)
    (folder / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "prunepipe.cli", "run", "--until-decided", "small.yaml", "--cores", "2"]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def made(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.glob("results/runs/**/metrics.json")}


def when_more_are_made(folder: Path, process: subprocess.Popen[str], end: Callable[[], None]) -> str:
    before, deadline = made(folder), time.monotonic() + SECONDS
    while made(folder) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    end()
    return process.communicate(timeout=SECONDS)[0]


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the command and everything that it started at once."""
    every = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for one in every:
        with contextlib.suppress(psutil.NoSuchProcess):  # a job that has just ended
            one.kill()


def words(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(
        folder / "results" / "studies" / "small" / "partial" / "tables" / "verdicts.csv",
        keep_default_na=False,
    )
    return table[["ticket", "check", "verdict", "look", "effect", "p_uses", "p_ignores", "next_look"]]


@pytest.mark.workflow
@pytest.mark.xdist_group("workflow")
def test_stopped_and_killed_it_goes_on_to_the_words_of_a_run_without_a_pause(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    process = start(folder)
    told = when_more_are_made(folder, process, lambda: process.send_signal(signal.SIGINT))
    assert process.returncode == 130, told
    assert "Run the same command to continue." in told
    stopped = made(folder)
    process = start(folder)
    when_more_are_made(folder, process, lambda: kill(process))
    killed = made(folder)
    process = start(folder)
    told = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, told
    assert "1 test: 1 open" in told
    assert "Nothing is left to run: 1 test, " in told
    assert "Study small" in told  # the verdicts
    assert stopped <= killed < made(folder)
    assert {path.parts[-2] for path in made(folder)} == {"seed0", "seed1", "seed2"}

    # The same words with all runs made and no look remembered; that pauses change no run is tested in tests/faults.
    found, runs = words(folder), made(folder)
    (folder / "results" / "runs" / "small" / "looks.json").unlink()
    shutil.rmtree(folder / "results" / "studies")
    process = start(folder)
    told = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, told
    assert made(folder) == runs
    pd.testing.assert_frame_equal(words(folder), found)
