"""One workflow at a time makes the results of a folder.

Snakemake has locks of its own, but whichever Snakemake ends first removes those of all others in the folder, and
one that was killed leaves them behind. A lock on an open file belongs to one process, and the kernel frees it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from prunepipe.errors import ConfigError

LOCK = ".snakemake/prunepipe.lock"


def claim_folder(root: Path = Path()) -> None:
    """Claim a folder until this process ends.

    Where the file system knows no locks, that is said and Snakemake's own locks are what there is.

    Args:
        root: folder that holds `results/`.

    Raises:
        ConfigError: a workflow that is still alive has claimed it; names its process.
    """
    path = root / LOCK
    path.parent.mkdir(exist_ok=True)
    # Never closed, so held to the end; programs that this process starts do not inherit it.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise ConfigError(
            f"{root.resolve()}: another Snakemake is at work here ({owner}); wait for it or stop it (Ctrl-C), then "
            "start again. To look at what is there meanwhile: snakemake partial --cores 1"
        ) from error
    except OSError as error:
        print(f"{path}: no locks here ({error.strerror}); start no second Snakemake.", file=sys.stderr)
        return
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
