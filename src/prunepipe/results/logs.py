"""What the logs beside a result say of the stage that wrote them."""

from __future__ import annotations

from pathlib import Path

COMPLAINTS = ("error:", "stopped by signal")
"""How a stage's last words begin when it did not finish."""


def newest_log(folder: Path) -> Path | None:
    """Return the log that was written to last, or None if no stage has begun."""
    return max(folder.glob("*.log"), key=lambda log: log.stat().st_mtime, default=None)


def complaint(log: Path) -> str:
    """Return why a stage did not finish, as its log tells it; nothing if the log tells of no mistake."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.startswith(COMPLAINTS)]
    return told[-1][:300] if told else ""
