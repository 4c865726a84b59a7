"""Try a method in a separate process, so that a crash harms nothing else, and report what it would do or why not."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from prunepipe.cli.workflow import environment, study_file
from prunepipe.errors import ConfigError, ScoreError

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method

CALLS = 8
"""A trial is ended after the time limit of this many calls (two per check, for example)."""
START_SECONDS = 120.0

TOLD = "error: "
"""Start of the last words of a process that ended itself, because the method could not be interrupted."""

SHOWN_LINES, SHOWN_CHARACTERS = 10, 2000
"""Number of characters of a method's output that are shown."""


def tried_method(arguments: argparse.Namespace, method: Method) -> tuple[Method, str, list[dict[str, int]]]:
    """Try a method before anything is trained.

    Args:
        arguments: the arguments declared by `prunepipe.cli.method.add_method_arguments`.
        method: the method that they describe.

    Returns:
        The method, completed with what its code shows (whether it asks for the prune ratio or returns a mask); a text
        about what it would do to the networks; and the number of prunable weights of each network, by kind.

    Raises:
        ConfigError: the method cannot be loaded.
        ScoreError: it violates its contract, takes too long or ends the process.
    """
    request = {
        "method": asdict(method),
        "choose_allocation": arguments.allocation is None,
        "study": str(study_file(arguments.study)),
        "prune_ratios": arguments.prune_ratio,
        "data_folder": str(Path(arguments.data_folder).resolve()),
        "device": arguments.device,
        "time_limit": arguments.time_limit,
    }
    result = result_of_process(request)
    if "error" in result:
        raise {"ConfigError": ConfigError}.get(result["kind"], ScoreError)(result["error"])
    completed = replace(
        method, allocation=result["allocation"], choices={**method.choices, **result["choices"]}
    )
    return completed, result["text"], result["kinds"]


def result_of_process(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of `prunepipe.cli.trial_process` to a request, and end processes that it leaves behind."""
    title = f"score {request['method']['score']}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        status, printed = _outcome(file, request)
        if file.is_file():
            _show(printed)
            result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return result
    told = [line for line in printed.lines if line.startswith(TOLD)]
    tail = f" Its last output: {' '.join(printed.lines[-3:])[-300:]}" if printed.length else ""
    ended = f"{title}: {_ended(status, request['time_limit'])}{tail}"
    return {"kind": "ScoreError", "error": told[-1].removeprefix(TOLD) if told else ended}


class _Printed:
    """Read a stream in the background and keep its last lines, however much it prints."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.length = 0
        self.last = b""
        self._stream = stream
        self.thread = Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        while block := self._stream.read(65536):
            self.length += len(block)
            self.last = (self.last + block)[-SHOWN_CHARACTERS:]

    @property
    def lines(self) -> list[str]:
        """The last lines."""
        return self.last.decode(errors="replace").splitlines()[-SHOWN_LINES:]


def _outcome(file: Path, request: dict[str, Any]) -> tuple[int | None, _Printed]:
    """Run a trial that writes a file; return its exit status, or None if it had to be ended, and its output."""
    command = [sys.executable, "-m", "prunepipe.cli.trial_process", str(file)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        printed, status = _Printed(process.stdout), None
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode())
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(CALLS * request["time_limit"] + START_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with its children, which may hold the stream open
        printed.thread.join(5)
    return status, printed


def _ended(status: int | None, time_limit: float) -> str:
    if status is None:
        return f"did not return, and could not be interrupted, within {CALLS} times --time-limit ({time_limit:g} s)."
    if status == -signal.SIGKILL:
        return "was killed by the system, most likely because it needs more memory than there is."
    if status < 0:
        return f"ended the process ({signal.Signals(-status).name})."
    return f"ended the process (exit status {status})."


def _show(printed: _Printed) -> None:
    if printed.length:
        hidden = printed.length - len(printed.last)
        note = f"; {hidden:,} characters before are not shown" if hidden else ""
        print(f"The method printed{note}:", *(f"  | {line}" for line in printed.lines), "", sep="\n")
