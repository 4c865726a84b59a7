"""Run Snakemake, with its output on the screen or in a log, so that the screen can show something else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from prunepipe.cli.progress_bar import progress_bar
from prunepipe.cli.workflow import environment

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress

FAILED = re.compile(r"^Error in rule (\w+)")
TOLD = re.compile(r"^\s*error: (.+)")
PASSED_ON = re.compile(r"^(?:note|warning): ")
"""Lines of Snakemake's output that are shown immediately, beside the causes of failed jobs."""
WATCHED = "PRUNEPIPE_WATCHED"
"""Environment variable that tells a workflow that another process shows its progress and its last screen."""
LAST_LINES = 8
STOPPING = "Stopping: running jobs write a checkpoint ..."
CONTINUE = "Run the same command to continue."

BETWEEN_LOOKS = 1.0
"""Seconds between two looks at a running workflow."""
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 60.0
"""Seconds that a workflow has to end after a signal: jobs finish a step of training and write a checkpoint."""


@dataclass
class WorkflowRun:
    """The outcome of a run of the workflow.

    Attributes:
        status: Snakemake's exit status.
        failed: number of failed jobs.
        told: the error messages in their logs, each once.
        last: the last lines that Snakemake printed.
        stopped: whether it was stopped before its end.
    """

    status: int
    failed: int
    told: list[str]
    last: list[str] = field(default_factory=list, compare=False)
    stopped: bool = False


def run_on_screen(command: Sequence[str]) -> int:
    """Run Snakemake with its output on the screen, and return its exit status.

    Raises:
        BrokenPipeError: whoever read the output has seen enough, as `head`; the command has run to its end.
    """
    if sys.stdout.isatty():
        return subprocess.run(command, env=environment(), check=False).returncode
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
        except BrokenPipeError:
            process.stdout.read()  # or Snakemake ends in a traceback
            raise
    return process.returncode


def run_watched(
    command: Sequence[str],
    log: Path,
    progress: Callable[[], StudyProgress],
    title: str = "prunepipe",
) -> WorkflowRun:
    """Run Snakemake with a progress bar, and show its notes, its warnings and the causes of failed jobs as well.

    The log of an earlier run is kept as NAME.previous.log.

    Args:
        command: the command from `prunepipe.cli.workflow.snakemake_command`.
        log: the log file.
        progress: returns the current progress of the study.
        title: label of the bar.

    Raises:
        KeyboardInterrupt: after the workflow was stopped.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with News(log) as news, progress_bar(title, progress()) as bar:

        def look() -> bool:
            for line in news.lines():
                bar.tell(line)
            bar.show(progress())
            return True

        return logged_run(command, log, look, lambda: bar.tell(STOPPING))


class News:
    """Finds the lines of Snakemake's growing log to show immediately; each cause of failed jobs is shown once.

    Args:
        log: the log file; what it holds already is passed over.
    """

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._file = log.open("a+", encoding="utf-8", errors="replace")
        self._failed = False
        self._causes: set[str] = set()

    def __enter__(self) -> News:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the log."""
        self._file.close()

    def lines(self) -> list[str]:
        """Return the lines to show among those that were added to the log since the last call."""
        return [line.strip() for line in _whole_lines(self._file) if self._holds(line)]

    def _holds(self, line: str) -> bool:
        self._failed |= bool(FAILED.match(line))
        cause = TOLD.match(line)
        if not (cause and self._failed):  # what keeps Snakemake from starting is shown at the end
            return bool(PASSED_ON.match(line))
        new = cause[1] not in self._causes
        self._causes.add(cause[1])
        return new


def _whole_lines(file: TextIO) -> Iterator[str]:
    """Read the lines that were added to a growing file; a line whose end is not written yet is left for later."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return
        yield line


def logged_run(
    command: Sequence[str],
    log: Path,
    look: Callable[[], bool] = lambda: True,
    stopping: Callable[[], None] = lambda: None,
) -> WorkflowRun:
    """Run Snakemake to its end, or until it is told to stop.

    Args:
        command: the command from `prunepipe.cli.workflow.snakemake_command`.
        log: the log file, to which its output is appended.
        look: called every second; the workflow is stopped when it returns False.
        stopping: called after Ctrl-C, before the jobs have ended.

    Raises:
        KeyboardInterrupt: after the workflow was stopped.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        start = file.tell()
        with (
            _ended_like_ctrl_c(),
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**environment(), WATCHED: "1"},
                # Ctrl-C reaches this process only, which stops the workflow once; a second signal disturbs Snakemake.
                process_group=0,
            ) as process,
        ):
            try:
                stopped = _wait(process, look)
            except BaseException:
                stopping()
                _stop(process)
                raise
    return _outcome(process.returncode, log, start, stopped)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Turn SIGTERM or a closed terminal into KeyboardInterrupt, so that the workflow is stopped too."""
    heard = [number for number in ENDS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores SIGHUP
    previous = {number: signal.signal(number, signal.default_int_handler) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait(process: subprocess.Popen[bytes], look: Callable[[], bool]) -> bool:
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(BETWEEN_LOOKS)
            look()
            return False
        if not look():
            _stop(process)
            return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a workflow and its jobs; SIGTERM, because a process started in the background may ignore SIGINT."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return


def _outcome(status: int, log: Path, start: int, stopped: bool) -> WorkflowRun:
    outcome = WorkflowRun(status, 0, [], stopped=stopped)
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(start)
        for line in file:
            _read_line(line, outcome)
    return outcome


def _read_line(line: str, outcome: WorkflowRun) -> None:
    """Record the failures that a line of Snakemake's output reports."""
    outcome.failed += bool(FAILED.match(line))
    outcome.last = [*outcome.last, line.rstrip()][-LAST_LINES:] if line.strip() else outcome.last
    found = TOLD.match(line)
    if found and found.group(1) not in outcome.told:
        outcome.told.append(found.group(1))
