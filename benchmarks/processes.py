"""Run commands in separate processes and measure their cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measuring import ROOT


class Cost(NamedTuple):
    """Wall and CPU seconds, and peak memory in megabytes, of the process itself (not of its children); its output."""

    wall: float
    cpu: float
    megabytes: float
    output: str


def cost_of(command: list[str], folder: Path, **environment: str) -> Cost:
    """Run a command and return its cost.

    Args:
        command: the command with its arguments.
        folder: folder of a project, whose own sources are imported.
        environment: variables added to this process's environment.
    Raises:
        RuntimeError: the command failed; the message holds the end of its output.
    """
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "cost.json"
        peak = [sys.executable, str(ROOT / "benchmarks" / "peak.py"), str(output), *command]
        variables = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", **environment}
        done = subprocess.run(peak, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        return Cost(**json.loads(output.read_text()), output=done.stdout)


def snakemake(project: Path, study: str, *arguments: str) -> list[str]:
    """Return the command that runs a study of a project on all cores."""
    cores = str(len(os.sched_getaffinity(0)))
    start = [sys.executable, "-m", "snakemake", "--cores", cores, *arguments]
    return [*start, "--config", f"study={study}"]
