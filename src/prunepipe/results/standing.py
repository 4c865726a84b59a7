"""Determine the state of each run and the cause, for `watch`, tables, the page and the last screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from prunepipe.results.layout import Run
from prunepipe.results.logs import complaint, newest_log

DONE, RUNNING, FAILED, WAITING = "done", "running", "failed", "waiting"
TRAINING_LOGS = ("train_dense.log", "search.log", "retrain.log")
SILENCE = 15 * 60.0
"""Seconds without output in its log after which a run counts as killed."""
NOT_STARTED = "not started"

Upstream = Callable[[Run], Iterable[Path | str]]
"""Returns the logs of the stages that a run shares with others; see `prunepipe.stages.upstream`."""


class Standing(NamedTuple):
    """The state of a run: DONE, RUNNING, FAILED or WAITING, and why it is not done."""

    state: str
    cause: str


class Standings:
    """Determines the states of runs; reads each log once."""

    def __init__(
        self, root: Path = Path(), upstream: Upstream = lambda run: (), now: float | None = None
    ) -> None:
        """Read below the folder that holds `results/`; `now`: seconds since the epoch; default: the clock's."""
        self._root, self._upstream = root, upstream
        self._now = time.time() if now is None else now
        self._complaints: dict[Path, str] = {}

    def of(self, run: Run) -> Standing:
        """Return the state of a run.

        It is done once it is evaluated. It failed if its own log says so, or the log of a stage that it waits for.
        """
        folder = self._root / run.folder
        if (folder / "metrics.json").exists():
            return Standing(DONE, "")
        log = newest_log(folder)
        own = complaint(log) if log else ""
        if own:
            return Standing(FAILED, own)
        trains = any((folder / name).exists() for name in TRAINING_LOGS)
        if log and trains and self._now - log.stat().st_mtime < SILENCE:
            return Standing(RUNNING, _how_far(log))
        shared = next(filter(None, (self._complaint(self._root / path) for path in self._upstream(run))), "")
        if shared:
            return Standing(FAILED, shared)
        return Standing(WAITING, _how_far(log))

    def _complaint(self, log: Path) -> str:
        if log not in self._complaints:
            self._complaints[log] = complaint(log) if log.is_file() else ""
        return self._complaints[log]


def _how_far(log: Path | None) -> str:
    return f"not finished: {log.stem} was the last stage" if log else NOT_STARTED
