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
        self,
        root: Path = Path(),
        upstream: Upstream = lambda run: (),
        now: float | None = None,
        since: float = 0.0,
    ) -> None:
        """Read logs.

        Args:
            root: folder that holds `results/`.
            upstream: names the logs of the stages that a run waits for.
            now: seconds since the epoch; default: the clock's.
            since: when the workflow was started; what older logs say is to be repeated.
        """
        self._root, self._upstream, self._since = root, upstream, since
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
        changed = log.stat().st_mtime if log else 0.0
        own = complaint(log) if log and changed >= self._since else ""
        if own:
            return Standing(FAILED, own)
        trains = any((folder / name).exists() for name in TRAINING_LOGS)
        if trains and changed > max(self._now - SILENCE, self._since):
            return Standing(RUNNING, _how_far(log))
        shared = next(filter(None, (self._complaint(self._root / path) for path in self._upstream(run))), "")
        if shared:
            return Standing(FAILED, shared)
        return Standing(WAITING, _how_far(log))

    def _complaint(self, log: Path) -> str:
        if log not in self._complaints:
            current = log.is_file() and log.stat().st_mtime >= self._since
            self._complaints[log] = complaint(log) if current else ""
        return self._complaints[log]


def _how_far(log: Path | None) -> str:
    return f"not finished: {log.stem} was the last stage" if log else NOT_STARTED
