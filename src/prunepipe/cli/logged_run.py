"""Run Snakemake while something else is on the screen: its whole output goes to a log."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prunepipe.cli.workflow import WATCHED, WorkflowRun, read_line

BETWEEN_LOOKS = 1.0
"""Seconds between two looks at a running workflow."""
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 60.0
"""Seconds that a workflow has to end after a signal: jobs finish a step of training and write a checkpoint."""


def logged_run(
    command: Sequence[str],
    log: Path,
    look: Callable[[], bool] = lambda: True,
    environment: Mapping[str, str] | None = None,
) -> WorkflowRun:
    """Run Snakemake to its end, or until it is told to stop.

    Args:
        command: the command from `prunepipe.cli.workflow.snakemake_command`.
        log: the log file, to which its output is appended.
        look: called every second; the workflow is stopped when it returns False.
        environment: environment of the process; default: this process's.

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
                env={**(environment or os.environ), WATCHED: "1"},
                # Ctrl-C reaches this process only, which stops the workflow once; a second signal disturbs Snakemake.
                process_group=0,
            ) as process,
        ):
            try:
                stopped = _wait(process, look)
            except BaseException:
                _stop(process)
                raise
    return _outcome(process.returncode, log, start, stopped)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Turn a request to end, or a closed terminal, into KeyboardInterrupt, so that the workflow is stopped too."""
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
            read_line(line, outcome)
    return outcome
