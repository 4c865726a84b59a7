"""Read how stages ended from the logs next to their results."""

from __future__ import annotations

from pathlib import Path

COMPLAINTS = ("error:", "stopped by signal")
"""Starts of the last line of a stage that did not finish."""
KILLED = "error: the stage was killed"
"""Start of the line that the launcher writes after a stage was killed; what the stage itself wrote counts more."""
TRACEBACK = "Traceback (most recent call last):"
ALIVE = "epoch "
"""Starts of a training run's lines; after one of them, an earlier traceback was not fatal."""


def newest_log(folder: Path) -> Path | None:
    """Return the most recently written log, or None if no stage has started."""
    return max(folder.glob("*.log"), key=lambda log: log.stat().st_mtime, default=None)


def complaint(log: Path) -> str:
    """Return the reason in its log why a stage failed; empty if the log reports no error."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.startswith(COMPLAINTS)]
    told = [line for line in told if not line.startswith(KILLED)] or told
    return (told[-1] if told else _raised(lines))[:300]


def _raised(lines: list[str]) -> str:
    """Return the exception of the traceback that a log ends in: its first line that is not indented."""
    start = max((place for place, line in enumerate(lines) if line == TRACEBACK), default=None)
    rest = [] if start is None else lines[start + 1 :]
    if any(line.startswith(ALIVE) for line in rest):
        return ""
    return next((f"error: {line}" for line in rest if line.strip() and not line.startswith(" ")), "")
