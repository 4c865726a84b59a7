"""Read the progress of a study from its results: runs done, running and failed, and the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prunepipe.results.layout import runs
from prunepipe.results.logs import complaint, newest_log
from prunepipe.study.study import Study

DONE, RUNNING, FAILED, WAITING = "done", "running", "failed", "waiting"
TRAINING_LOGS = ("train_dense.log", "retrain.log")
SILENCE = 15 * 60.0
"""Seconds without log output after which a run counts as killed and not as running."""
RECENT = 20
"""Number of recently finished runs that the time left is estimated from."""


@dataclass(frozen=True)
class StudyProgress:
    """The number of runs of a study, dense and pruned, in each state.

    Attributes:
        done: measured.
        running: in training.
        failed: ended with an error; Snakemake retries them when it is started again.
        waiting: all others.
        seconds_left: estimated from the pace of the last runs; None if too few are done or none is running.
    """

    done: int
    running: int
    failed: int
    waiting: int
    seconds_left: float | None

    @property
    def total(self) -> int:
        """Number of runs of the study."""
        return self.done + self.running + self.failed + self.waiting

    def __str__(self) -> str:
        """Summarise the progress in a few words."""
        words = f"{self.running} running, {self.failed} failed"
        if self.seconds_left is None:
            return words
        return f"{words}, about {duration(self.seconds_left)} left"


def study_progress(study: Study, root: Path = Path(), now: float | None = None) -> StudyProgress:
    """Determine the state of every run of a study.

    Args:
        study: says which runs should exist.
        root: folder that holds `results/`.
        now: current time, seconds since the epoch; default: the clock's.
    """
    moment = time.time() if now is None else now
    states: Counter[str] = Counter()
    finished = []
    for folder in (run.folder for run in runs(study)):
        state = run_state(root / folder, moment)
        states[state] += 1
        if state == DONE:
            finished.append((root / folder / "metrics.json").stat().st_mtime)
    counts = {state: states[state] for state in (DONE, RUNNING, FAILED, WAITING)}
    return StudyProgress(**counts, seconds_left=_seconds_left(counts, sorted(finished)[-RECENT:], moment))


def run_state(folder: Path, now: float) -> str:
    """Return the state of the run in a folder."""
    if (folder / "metrics.json").exists():
        return DONE
    log = newest_log(folder)
    if log is None:
        return WAITING
    if complaint(log):
        return FAILED
    trains = any((folder / name).exists() for name in TRAINING_LOGS)
    return RUNNING if trains and now - log.stat().st_mtime < SILENCE else WAITING


def _seconds_left(counts: Mapping[str, int], finished: Sequence[float], now: float) -> float | None:
    """Estimate the time left from the pace of the last finished runs, including the wait since the last one."""
    if len(finished) < 3 or not counts[RUNNING]:
        return None
    return (counts[RUNNING] + counts[WAITING]) * max(now - finished[0], 0.0) / (len(finished) - 1)


def duration(seconds: float) -> str:
    """Return seconds in a readable unit."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
