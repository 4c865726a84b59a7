"""Measure how planning, collecting, tables and verdicts scale with the number of runs."""

from __future__ import annotations

import json
import pstats
import sys
import tempfile
from pathlib import Path

from measuring import ROOT, Options, Section, copy_project, with_seeds
from processes import cost_of, snakemake

JOBS_A_SEED = 185
"""Jobs of one more seed of the quickstart study."""


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


def planning(options: Options) -> Section:
    """Time dry runs of studies with increasing numbers of seeds."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for jobs in (200,) if options.quick else (1000, 5000, 20_000):
            seeds = round(jobs / JOBS_A_SEED)
            project = copy_project(Path(temporary) / str(jobs), "grown", with_seeds("quickstart", seeds))
            cost = cost_of(snakemake(project, "grown", "-n", "--quiet", "all"), project)
            bare = Path(temporary) / f"bare{jobs}"
            bare.mkdir()
            (bare / "Snakefile").write_text(BARE.format(half=jobs // 2))
            least = cost_of(
                [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--scheduler", "greedy"], bare
            )
            ours = _own_share(project) if jobs in (200, 5000) else None
            rows.append(
                {
                    "jobs": f"{seeds * JOBS_A_SEED:,}",
                    "wall": f"{cost.wall:.1f} s",
                    "per job": f"{1000 * cost.wall / (seeds * JOBS_A_SEED):.2f} ms",
                    "bare Snakemake": f"{least.wall:.1f} s",
                    "times as long": f"{cost.wall / least.wall:.2f}",
                    "in our code": "" if ours is None else f"{ours:.0%}",
                    "memory": f"{cost.megabytes:,.0f} MB",
                    "target": "40 s" if jobs == 20_000 else "",
                }
            )
    text = (
        "`snakemake -n` of the quickstart study, with as many seeds as give that many jobs and no results yet. Bare "
        "Snakemake: a workflow of two rules with the same number of jobs, planned right after. In our code: the share "
        "of the profiled time spent in this project's functions and what they call. Snakemake itself spends the rest, "
        "on rules with more inputs, outputs, wildcards, params and resources than the bare ones have."
    )
    return Section("Planning", text, rows)


def _own_share(project: Path) -> float:
    """Return the share of planning time spent in a project's own functions and what they call."""
    with tempfile.TemporaryDirectory() as temporary:
        profile = Path(temporary) / "profile"
        start = [sys.executable, "-m", "cProfile", "-o", str(profile), "-m"]
        cost_of([*start, *snakemake(project, "grown", "-n", "--quiet", "all")[2:]], project)
        stats = pstats.Stats(str(profile))
    folders = tuple(str(project / part) for part in ("src", "workflow"))
    inside = {function for function in stats.stats if function[0].startswith(folders)}  # type: ignore[attr-defined]
    seconds = 0.0
    for function in inside:
        callers = stats.stats[function][4]  # type: ignore[attr-defined]
        seconds += sum(timing[3] for caller, timing in callers.items() if caller not in inside)
    return float(seconds / stats.total_tt)  # type: ignore[attr-defined]


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
