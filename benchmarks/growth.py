"""Measure how planning, collecting, tables and verdicts scale with the number of runs."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from measuring import ROOT, Options, Section, copy_project, with_seeds
from planning_profile import PARTS
from processes import cost_of, snakemake

JOBS_PER_SEED = 113
"""Approximate number of jobs per seed of the quickstart study."""

PROFILED = 5000
"""Jobs of the plan whose time is broken down."""

BARE = """
rule all:
    input: expand("done/{{number}}.txt", number=range({half}))

rule second:
    input: "half/{{number}}.txt"
    output: "done/{{number}}.txt"
    log: "logs/second-{{number}}.txt"
    benchmark: "logs/second-{{number}}.jsonl"
    params: number=lambda wildcards: wildcards.number
    shell: "cp {{input}} {{output}}"

rule first:
    output: "half/{{number}}.txt"
    log: "logs/first-{{number}}.txt"
    benchmark: "logs/first-{{number}}.jsonl"
    params: number=lambda wildcards: wildcards.number
    shell: "echo {{params.number}} > {{output}}"
"""
"""A workflow of two rules without our code: a lower bound for planning that many jobs."""


def planning(options: Options) -> list[Section]:
    """Time dry runs of studies with increasing numbers of seeds, and break one of them down."""
    rows: list[dict[str, str]] = []
    shares: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in (200,) if options.quick else (1000, PROFILED, 20_000):
            project = copy_project(
                Path(temporary) / str(size), "grown", with_seeds("quickstart", round(size / JOBS_PER_SEED))
            )
            command = snakemake(project, "grown", "-n", "--quiet", "all")
            cost = cost_of(command, project)
            jobs = int(re.findall(r"^total\s+(\d+)", cost.output, re.M)[0])
            folder = Path(temporary) / f"bare{size}"
            folder.mkdir()
            (folder / "Snakefile").write_text(BARE.format(half=jobs // 2))
            bare = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--scheduler", "greedy"]
            least = cost_of(bare, folder)
            rows.append(
                {
                    "jobs": f"{jobs:,}",
                    "CPU": f"{cost.cpu:.1f} s",
                    "per job": f"{1000 * cost.cpu / jobs:.2f} ms",
                    "bare Snakemake": f"{least.cpu:.1f} s",
                    "times as long": f"{cost.cpu / least.cpu:.2f}",
                    "memory": f"{cost.megabytes:,.0f} MB",
                    "target": "40 s" if size == 20_000 else "",
                }
            )
            if size == PROFILED or options.quick:
                shares = _breakdown((command, project, cost.cpu), (bare, folder, least.cpu))
    return [
        Section("Planning", PLANNING_TEXT, rows),
        Section("Where planning's time goes", SHARES_TEXT, shares),
    ]


PLANNING_TEXT = (
    "`snakemake -n` of the quickstart study, with as many seeds as give about that many jobs and no results yet, in "
    "CPU seconds. Bare Snakemake: a workflow of two rules with as many jobs, one input and one output each, planned "
    "right after."
)
SHARES_TEXT = (
    f"CPU seconds of the plans of about {PROFILED:,} jobs above, by samples of the stack every 2 ms "
    "(`benchmarks/planning_profile.py`). All but the first line is Snakemake's own work, on jobs with more inputs, "
    "outputs, wildcards, params and resources than the bare ones have."
)

Plan = tuple[list[str], Path, float]
"""A command, the folder to run it in, and the CPU seconds that it took."""


def _breakdown(ours: Plan, bare: Plan) -> list[dict[str, str]]:
    """Return the CPU seconds of two plans by part, the largest of ours first."""
    found, least = _sampled(*ours), _sampled(*bare)
    mine = PARTS["prunepipe"]
    parts = sorted(found | least, key=lambda part: (part != mine, -found.get(part, 0.0)))
    return [
        {
            "what": part,
            "this workflow": f"{found.get(part, 0.0):.1f} s",
            "bare Snakemake": f"{least.get(part, 0.0):.1f} s",
        }
        for part in parts
    ]


def _sampled(command: list[str], folder: Path, seconds: float) -> dict[str, float]:
    """Run Snakemake once more under the sampler, and share the seconds that it took without it among its parts."""
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "samples.json"
        script = str(ROOT / "benchmarks" / "planning_profile.py")
        cost_of([sys.executable, script, str(output), *command[3:]], folder)
        samples: dict[str, int] = json.loads(output.read_text())
    total = sum(samples.values())
    return {part: seconds * number / total for part, number in samples.items()}


def results(options: Options) -> Section:
    """Time collecting, tables and verdicts of artificial runs, with one process per size."""
    rows = []
    for runs in (50,) if options.quick else (2000, 20_000):
        with tempfile.TemporaryDirectory() as temporary:
            said = Path(temporary) / "seconds.json"
            command = [
                sys.executable,
                str(ROOT / "benchmarks" / "made_up_runs.py"),
                "--runs",
                str(runs),
                "--folder",
                temporary,
            ]
            cost_of([*command, "--write"], ROOT)  # a separate process, so that its memory does not count
            cost = cost_of(command, ROOT)
            seconds = json.loads(said.read_text())
        rows.append(
            {
                "runs": f"{seconds.pop('runs'):,}",
                **{name: f"{value:.2f} s" for name, value in seconds.items()},
                "memory": f"{cost.megabytes:,.0f} MB",
            }
        )
    text = (
        "Simulated results of the paper's study, with as many seeds as give that many runs; each run has metrics, "
        "timing, a history of 4 epochs and 9 layers. One process per size does all of it; memory is its peak."
    )
    return Section("Collecting, tables, verdicts", text, rows)
