"""Let only one workflow at a time write the results of a folder.

Snakemake has its own locks, but the first Snakemake to end removes those of all others in the folder, and
a killed one leaves them behind. A lock on an open file belongs to one process, and the kernel frees it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from prunepipe.errors import ConfigError

LOCK = ".snakemake/prunepipe.lock"


def running_in(root: Path = Path()) -> str:
    """Return the process that runs a workflow in a folder, as "process N on HOST"; empty if there is none.

    Args:
        root: folder that holds `results/`.
    """
    path = root / LOCK
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read(200).strip()
        except OSError:  # no locks on this file system
            return ""
    return ""


def require_free(root: Path = Path()) -> None:
    """Refuse to start a second workflow in a folder.

    Raises:
        ConfigError: a workflow is running there; the message names its process.
    """
    if owner := running_in(root):
        raise ConfigError(_refusal(root, owner))


def claim_folder(root: Path = Path()) -> None:
    """Lock a folder until this process ends.

    If the file system does not support locks, a warning says so and only Snakemake's own locks remain.

    Args:
        root: folder that holds `results/`.

    Raises:
        ConfigError: a running workflow has locked the folder; the message names its process.
    """
    path = root / LOCK
    path.parent.mkdir(exist_ok=True)
    # Never closed, so that it is held to the end; child programs do not inherit it.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigError(_refusal(root, running_in(root))) from error
    except OSError as error:
        print(
            f"{path}: no file locks here ({error.strerror}); do not start a second Snakemake.",
            file=sys.stderr,
        )
        return
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)


def _refusal(root: Path, owner: str) -> str:
    return (
        f"{root.resolve()}: another Snakemake is running here ({owner}); wait for it or stop it (Ctrl-C), then start "
        "again."
    )
