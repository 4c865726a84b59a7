"""Whether a data set fits into memory, asked before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from prunepipe.errors import ConfigError

COPIES = 2
"""A prepared data set is held twice while it is written: its arrays, and the bytes of the file."""


def require_memory(size: int, source: Path | str, remedy: str) -> None:
    """Refuse a data set that does not fit into the memory that is free now.

    Args:
        size: bytes of all its images.
        source: where it is read from, for the message.
        remedy: what the user can do.
    Raises:
        ConfigError: names what is needed and what there is.
    """
    needed, free = COPIES * size, available_memory()
    if needed > free:
        raise ConfigError(
            f"{source}: its images take {_gigabytes(size)}, and preparing them {_gigabytes(needed)} of memory; "
            f"{_gigabytes(free)} are free. {remedy}"
        )


def available_memory() -> int:
    """Return the bytes that this machine can still give; all of its memory where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
