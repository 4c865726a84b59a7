"""Check that a data set fits into memory before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from prunepipe.errors import ConfigError

COPIES = 3
"""Writing a prepared data set needs its size so often: for the arrays, and for two copies that safetensors makes."""


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
    """Return the available memory in bytes, or this machine's total memory if that is unknown."""
    known = free_memory()
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known is None else known


def free_memory() -> int | None:
    """Return the free memory in bytes of this machine and this process's control group; None if unknown."""
    left = [
        int(line.split()[1]) * 1024 for line in lines_of("/proc/meminfo") if line.startswith("MemAvailable:")
    ]
    bound, used = (lines_of(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if bound and used and bound[0].isdigit():
        left.append(max(int(bound[0]) - int(used[0]), 0))
    return min(left, default=None)


def lines_of(path: str) -> list[str]:
    """Return the lines of a file of the system; none if it has no such file."""
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
