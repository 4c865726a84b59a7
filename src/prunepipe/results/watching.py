"""Read the progress of a study from its results: runs done, running and failed, and the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prunepipe.results.layout import runs
from prunepipe.results.standing import DONE, FAILED, RUNNING, WAITING, Standings, Upstream
from prunepipe.study.study import Study

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


def study_progress(
    study: Study,
    root: Path = Path(),
    now: float | None = None,
    upstream: Upstream = lambda run: (),
    since: float = 0.0,
) -> StudyProgress:
    """Count the runs of a study by state.

    Args:
        study: says which runs should exist.
        root: folder that holds `results/`.
        now: seconds since the epoch; default: the clock's.
        upstream: names the logs of the stages that a run waits for, see `prunepipe.stages.upstream`.
        since: when the workflow was started; a run that failed before is waiting.
    """
    moment = time.time() if now is None else now
    standings = Standings(root, upstream, moment, since)
    states: Counter[str] = Counter()
    finished = []
    for run in runs(study):
        state = standings.of(run).state
        states[state] += 1
        if state == DONE:
            finished.append((root / run.folder / "metrics.json").stat().st_mtime)
    counts = {state: states[state] for state in (DONE, RUNNING, FAILED, WAITING)}
    return StudyProgress(**counts, seconds_left=_seconds_left(counts, sorted(finished)[-RECENT:], moment))


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
