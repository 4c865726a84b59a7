"""Record the time, CPU time and peak memory of a stage's own process.

Snakemake's `benchmark:` would measure the launcher that waits for the stage, not the stage that a warm process forked.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from prunepipe.artifacts import write_text

PER_MEBIBYTE = 2**20 if sys.platform == "darwin" else 2**10
"""Units of `ru_maxrss` per MiB: bytes on macOS, KiB elsewhere."""


def write_usage(path: Path | str, started: float) -> None:
    """Write this process's resource usage so far, as one line of JSON.

    A stage that was forked from a warm process got its imports from there: their memory counts towards the peak, but
    their CPU time does not count.

    Args:
        path: the file to write.
        started: `time.monotonic()` when the work began.
    """
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    usage = {
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(sum(used.ru_utime + used.ru_stime for used in (own, children)), 3),
        "peak_memory_mib": round(max(own.ru_maxrss, children.ru_maxrss) / PER_MEBIBYTE, 1),
    }
    write_text(path, json.dumps(usage) + "\n")
