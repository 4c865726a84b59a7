"""Check that a data set fits into memory before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from prunepipe.errors import ConfigError

COPIES = 2
"""Writing a prepared data set needs its size twice: for the arrays and for the bytes of the file."""


def require_memory(size: int, source: Path | str, remedy: str) -> None:
    """Raise an error if a data set does not fit into the free memory.

    Args:
        size: total size of its images in bytes.
        source: where it is read from, for the message.
        remedy: what the user can do.
    Raises:
        ConfigError: the message names the needed and the free memory.
    """
    needed, free = COPIES * size, available_memory()
    if needed > free:
        raise ConfigError(
            f"{source}: its images take {_gigabytes(size)}, and preparing them {_gigabytes(needed)} of memory; "
            f"{_gigabytes(free)} are free. {remedy}"
        )


def available_memory() -> int:
    """Return this machine's available memory in bytes, or its total memory if that is unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
