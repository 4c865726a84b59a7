"""Read from the logs next to a result how its stages ended."""

from __future__ import annotations

from pathlib import Path

COMPLAINTS = ("error:", "stopped by signal")
"""Beginnings of a stage's last log line if the stage failed."""


def newest_log(folder: Path) -> Path | None:
    """Return the most recently written log, or None if no stage has started."""
    return max(folder.glob("*.log"), key=lambda log: log.stat().st_mtime, default=None)


def complaint(log: Path) -> str:
    """Return the reason in its log why a stage failed; empty if the log reports no error."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.startswith(COMPLAINTS)]
    return told[-1][:300] if told else ""
