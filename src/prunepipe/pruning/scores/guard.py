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

GRACE_SECONDS = 3.0
"""Seconds after the time limit at which the process ends if the method cannot be interrupted."""


class _TimeIsUp(BaseException):
    """Not an Exception, which a method may catch in a loop."""


@contextmanager
def guarded(title: str, seconds: float, *, limit_memory: bool) -> Iterator[None]:
    """Limit the code inside, explain what it raises, and end forked processes that return from it.

    Args:
        title: what error messages call the method: "score" or "updater", and its reference.
        seconds: time limit; 0 means none. It holds in the main thread. Code that cannot be interrupted, such as a call
            of a compiled library, ends the process a little later.
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
    except (Exception, SystemExit) as error:  # whatever the user's code raises
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

    message = (
        f"{title}: did not return within {seconds:g} s{{}}. Make it faster, or allow it more time: --time-limit of "
        "prunepipe try and judge, score_time_limit in config.yaml."
    )
    place = title.partition(" ")[2].rpartition(":")[0]

    def on_alarm(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp(message.format(_where(frame, place)))

    last_resort = threading.Timer(seconds + GRACE_SECONDS, _end_process, [message.format("")])
    last_resort.daemon = True
    last_resort.start()
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    except _TimeIsUp as alarm:
        raise ScoreError(str(alarm)) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        last_resort.cancel()


def _end_process(message: str) -> None:
    os.write(2, f"error: {message}\n".encode())
    os._exit(1)


def _where(frame: FrameType | None, place: str) -> str:
    """Return the line of the user's code that was running, or that called what was running."""
    home = place if place.endswith(".py") else place.replace(".", "/")
    running = frame
    while running and home not in running.f_code.co_filename:
        running = running.f_back
    shown = running or frame
    return f"; it was in line {shown.f_lineno} of {shown.f_code.co_filename}" if shown else ""


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
