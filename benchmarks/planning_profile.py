"""Run Snakemake and sample where its CPU time goes: `python planning_profile.py OUTPUT ARGUMENT...`."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from types import FrameType

PARTS = {
    "prunepipe": "this project's functions",
    "_find_and_load": "imports",
    "format_wildcards": "formatting of commands and messages",
    "expand_params": "params",
    "expand_resources": "threads and resources",
    "expand_input": "input files",
    "expand_output": "output files",
    "expand_log": "logs",
    "log_info": "reports of jobs",
    "update_needrun": "what is out of date",
    "collect_potential_dependencies": "who makes which file",
}
"""Parts of planning by the names of functions of Snakemake; the innermost on the stack counts."""

REST = "the rest of Snakemake"
EVERY_SECONDS = 0.002


def part_of(frame: FrameType | None) -> str:
    """Return the part of planning that a stack belongs to."""
    while frame is not None:
        code = frame.f_code
        ours = "/prunepipe/" in code.co_filename or code.co_filename.endswith((".smk", "/Snakefile"))
        name = "prunepipe" if ours else code.co_name
        if name in PARTS:
            return PARTS[name]
        frame = frame.f_back
    return REST


def main() -> None:
    """Run Snakemake under a sampler of CPU time."""
    samples: Counter[str] = Counter()
    output, arguments = sys.argv[1], sys.argv[2:]
    signal.signal(signal.SIGPROF, lambda number, frame: samples.update([part_of(frame)]))
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    from snakemake.cli import main as snakemake

    try:
        snakemake(arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with open(output, "w") as file:
            json.dump(samples, file)


if __name__ == "__main__":
    main()
