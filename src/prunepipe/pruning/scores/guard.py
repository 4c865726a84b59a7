"""Bounds for code that is not ours: the time it takes, what it prints, the memory it takes, processes it forks."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

from prunepipe.errors import ScoreError

SHOWN_CHARACTERS = 10_000
"""Of what a method prints, this much is shown."""

AGAIN_SECONDS = 1.0
"""An alarm that a method caught and ignored rings again after this time."""


@contextmanager
def guarded(title: str, seconds: float, *, limit_memory: bool) -> Iterator[None]:
    """Bound what the code inside may use, and end processes that it forked and that come back out of it.

    Args:
        title: what error messages call the method.
        seconds: after this time it is interrupted; 0 means never. Only Python code can be interrupted, and only in the
            main thread.
        limit_memory: whether an allocation beyond the memory that is available fails, instead of having the process
            killed. Not for a GPU, whose driver reserves addresses beyond all measure.

    Raises:
        ScoreError: it took longer.
    """
    parent = os.getpid()
    try:
        with _limited_time(title, seconds), _limited_output(title), _limited_memory(limit_memory):
            yield
    finally:
        if os.getpid() != parent:  # it must not go on with our work, whatever it raised
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
    """A text stream that passes on the first characters and counts the rest."""

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
    available = _available_memory() if wanted else None
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


def _available_memory() -> int | None:
    """Return the bytes that this machine and this process's control group have left; None where nobody says."""
    left = []
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            left.append(int(line.split()[1]) * 1024)
    bound, used = (_lines(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if bound and used and bound[0].isdigit():
        left.append(max(int(bound[0]) - int(used[0]), 0))
    return min(left, default=None)


def _used_memory() -> int:
    """Return the bytes of this process's private data, which RLIMIT_DATA counts."""
    sizes = [line.split()[1] for line in _lines("/proc/self/status") if line.startswith("VmData:")]
    return int(sizes[0]) * 1024 if sizes else 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
