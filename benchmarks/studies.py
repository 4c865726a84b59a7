"""Measure where the time of a whole study goes, and how much memory each stage takes.

`python benchmarks/studies.py PROJECT --wall SECONDS` prints the same for a finished study.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from measuring import Options, Section, copy_project, with_seeds
from processes import cost_of, snakemake

TRAINING = ("train_dense", "retrain")


def whole_study(options: Options, seeds: int = 2) -> list[Section]:
    """Run the quickstart study in a copy of the project, then each of its stages once more by hand."""
    if options.quick:
        return [Section("A whole study", "Left out in quick mode.")]
    with tempfile.TemporaryDirectory() as temporary:
        study = with_seeds("quickstart", seeds)
        project = copy_project(Path(temporary) / "project", "measured", study)
        cost = cost_of(snakemake(project, "measured", "--quiet", "all"), project)
        text = f"The quickstart study with seeds 0 to {seeds - 1}, from nothing to tables and figures."
        where = Section("A whole study", text, where_time_goes(project, cost.wall))
        return [where, Section("Memory of each stage", MEMORY_TEXT, stage_memory(project, "measured"))]


def where_time_goes(project: Path, wall: float) -> list[dict[str, str]]:
    """Split a study's core-seconds into training, the other work of its stages, and the rest.

    Args:
        project: folder of the finished study; `results` must hold no older results.
        wall: seconds from start to end.
    Returns:
        Rows: training (CPU-seconds of the epochs), the other time of the stages by rule (start-up, reading,
        writing), and the rest of the cores' time (Snakemake, waiting).
    """
    cores = len(os.sched_getaffinity(0))
    timings = [
        json.loads(path.read_text(encoding="utf-8")) for path in project.glob("results/runs/**/timing.json")
    ]
    training = sum(timing.get("cpu_seconds", 0.0) for timing in timings)  # a collapsed ticket has no epochs
    spent: dict[str, float] = defaultdict(float)
    for path in project.glob("**/*.benchmark.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        spent[path.name.split(".")[0].split("-")[0]] += sum(
            float(json.loads(line)["seconds"]) for line in lines
        )
    beside = sum(spent[rule] for rule in TRAINING) - training
    others = sum(seconds for rule, seconds in spent.items() if rule not in TRAINING)
    total = wall * cores
    parts = {
        "training (CPU-seconds of the epochs)": training,
        "start, data and files of training stages": beside,
        "other stages": others,
        "Snakemake and waiting": total - training - beside - others,
    }
    rows = [
        {"what": name, "core-seconds": f"{seconds:.1f}", "share": f"{100 * seconds / total:.0f} %"}
        for name, seconds in parts.items()
    ]
    ratio = wall / (training / cores)
    rows.append(
        {"what": f"wall {wall:.1f} s x {cores} cores", "core-seconds": f"{total:.1f}", "share": "100 %"}
    )
    share = f"{ratio:.2f} (target 1.4)"
    return [*rows, {"what": "wall / (training / cores)", "core-seconds": "", "share": share}]


MEMORY_TEXT = (
    "Peak resident memory of each stage of the quickstart study, started on its own. (In a study, stages are forked "
    "from one process that has imported the libraries, and share its pages.) Libraries take most of the memory; add "
    "your own data set (uint8) and the activations of your networks."
)


def stage_memory(project: Path, study: str) -> list[dict[str, str]]:
    """Run one job of every stage again in a separate process, and return its peak memory."""
    printed = _dry_run(project, study)
    commands: dict[str, str] = {}
    for command, stage in re.findall(r"launch\.py ((\w+)\.py .*?) &> ", printed.replace("\\\n", ""), re.S):
        commands.setdefault(stage, command)
    rows = []
    for stage, line in commands.items():
        first = line.split("; ")[0]
        cost = cost_of([sys.executable, *shlex.split(f"workflow/scripts/{first}")], project)
        rows.append({"stage": stage, "memory": f"{cost.megabytes:,.0f} MB", "CPU": f"{cost.cpu:.1f} s"})
    return rows


def _dry_run(project: Path, study: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = snakemake(project, study, "-n", "-p", "-F")
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="folder that holds results/")
    parser.add_argument("--wall", type=float, required=True, help="seconds that the study took")
    arguments = parser.parse_args()
    for row in where_time_goes(arguments.project, arguments.wall):
        print(f"{row['what']:45} {row['core-seconds']:>12} {row['share']:>20}")
