"""Limits for user code: its time, output, memory and forked processes."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType

from prunepipe.datasets.memory import free_memory, lines_of
from prunepipe.errors import PrunepipeError, ScoreError
from prunepipe.plugins import explain

SHOWN_CHARACTERS = 10_000
"""Number of characters of a method's output that are shown."""

AGAIN_SECONDS = 1.0
"""Seconds after which an alarm that a method caught and ignored goes off again."""


@contextmanager
def guarded(title: str, seconds: float, *, limit_memory: bool) -> Iterator[None]:
    """Limit the code inside, explain what it raises, and end forked processes that return from it.

    Args:
        title: what error messages call the method: "score" or "updater", and its reference.
        seconds: time limit; 0 means none. Only Python code in the main thread can be interrupted.
        limit_memory: make allocations beyond the available memory fail, so that the process is not killed. Not for use
            with a GPU, whose driver reserves huge address ranges.

    Raises:
        ScoreError: the code exceeded the time limit or raised an error, whose line the message names.
    """
    parent = os.getpid()
    try:
        with _limited_time(title, seconds), _limited_output(title), _limited_memory(limit_memory):
            yield
    except PrunepipeError:
        raise
    except Exception as error:  # whatever the user's code raises
        place = title.partition(" ")[2].rpartition(":")[0]
        raise ScoreError(f"{title}: raised {explain(error, place)}") from error
    finally:
        if os.getpid() != parent:  # a forked process must not continue our work, whatever it raised
            os._exit(1)


@contextmanager
def _limited_time(title: str, seconds: float) -> Iterator[None]:
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise ScoreError(
            f"{title}: did not return within {seconds:g} s{_where(frame)}. Make it faster, or allow it more time: "
            "--time-limit of prunepipe try and judge, score_time_limit in config.yaml."
        )

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _where(frame: FrameType | None) -> str:
    return f"; it was in line {frame.f_lineno} of {frame.f_code.co_filename}" if frame else ""


class _Shortened(io.TextIOBase):
    """A text stream that forwards the first characters and counts the rest."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream
        self.written = 0

    def write(self, text: str) -> int:
        left = max(SHOWN_CHARACTERS - self.written, 0)
        self.written += len(text)
        if left:
            self._stream.write(text[:left])
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def _limited_output(title: str) -> Iterator[None]:
    streams = [_Shortened(sys.stdout), _Shortened(sys.stderr)]  # type: ignore[arg-type]  # any text stream does
    try:
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            yield
    finally:
        hidden = sum(max(stream.written - SHOWN_CHARACTERS, 0) for stream in streams)
        if hidden:
            print(f"[{title} printed {hidden:,} characters more, which are not shown]")


@contextmanager
def _limited_memory(wanted: bool) -> Iterator[None]:
    available = free_memory() if wanted else None
    if available is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _used_memory() + available
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _used_memory() -> int:
    """Return the size in bytes of this process's private data, which RLIMIT_DATA limits."""
    sizes = [line.split()[1] for line in lines_of("/proc/self/status") if line.startswith("VmData:")]
    return int(sizes[0]) * 1024 if sizes else 0
