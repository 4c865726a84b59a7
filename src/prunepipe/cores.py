"""How many CPU cores there are to use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the CPU cores that this process may use; of the machine, where the system does not say (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
