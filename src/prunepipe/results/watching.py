"""How far a study has come, read from its results: runs done, running, failed, and the time that is left."""

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
"""Finished runs whose pace tells the time that is left."""


@dataclass(frozen=True)
class StudyProgress:
    """How many runs of a study, dense and pruned, are in which state.

    Attributes:
        done: measured.
        running: in training.
        failed: ended with an error; they are tried again when Snakemake is started again.
        waiting: everything else.
        seconds_left: at the pace of the last runs; None while too few are done, or none is running.
    """

    done: int
    running: int
    failed: int
    waiting: int
    seconds_left: float | None

    @property
    def total(self) -> int:
        """Runs of the study."""
        return self.done + self.running + self.failed + self.waiting

    def __str__(self) -> str:
        """Say it in a few words."""
        words = f"{self.running} running, {self.failed} failed"
        if self.seconds_left is None:
            return words
        return f"{words}, about {duration(self.seconds_left)} left"


def study_progress(
    study: Study, root: Path = Path(), now: float | None = None, upstream: Upstream = lambda run: ()
) -> StudyProgress:
    """Look at every run that a study should have.

    Args:
        study: what should be there.
        root: folder that holds `results/`.
        now: seconds since the epoch; default: the clock's.
        upstream: names the logs of the stages that a run waits for, see `prunepipe.stages.upstream`.
    """
    moment = time.time() if now is None else now
    standings = Standings(root, upstream, moment)
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
    """Go by the pace of the last finished runs, the wait since the last one included."""
    if len(finished) < 3 or not counts[RUNNING]:
        return None
    return (counts[RUNNING] + counts[WAITING]) * max(now - finished[0], 0.0) / (len(finished) - 1)


def duration(seconds: float) -> str:
    """Return seconds in the unit that a person would choose."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
