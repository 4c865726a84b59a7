"""Kill a study at random until it is done, again and again; compare with one that nobody disturbed.

python tests/faults/kill_study.py --kills 100 [--seed 0] [--folder DIR]

Killed (kill -9) are stages, their launchers, the warm process that stages are forked from, Snakemake itself (which
leaves its jobs running), and everything at once, as when a node is lost. What is left must be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from same_results import differences
from workflow_runs import make_project

STUDY = """
datasets:
  digits: {train_images: 800, test_images: 300}
networks: [vgg_digits]
recipe: {epochs: 8, learning_rate: 0.05, milestones: [5]}
tickets: [lottery, hybrid]
prune_ratios: [0.9]
seeds: [0]
tables: [initial_checks, hybrid]
"""
EVERYTHING = "everything"
WEIGHTS = {"stage": 5, "launcher": 2, "Snakemake": 2, "warm process": 1, EVERYTHING: 1}
"""How often each kind of victim is chosen: most of what is lost on a cluster is a job."""
WAY_OUT = 400
"""Starts of Snakemake after which a study that still is not done never will be."""


@dataclass
class Outcome:
    """What happened to studies that were killed.

    Attributes:
        killed: how many of each kind of victim.
        starts: of Snakemake.
        seconds: until each study was done.
        lost: results that differ from the undisturbed run's, or are missing.
        left: checkpoints, and temporary files of a write that was killed.
    """

    killed: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def new_project(folder: Path, study: str = STUDY) -> Path:
    """Return a copy of the workflow with the study to be killed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    project = make_project(folder, "killed")
    (project / "config" / "killed.yaml").write_text(study)
    return project


def start(project: Path, *targets: str) -> subprocess.Popen[bytes]:
    """Start Snakemake on the study, in a session of its own, with a checkpoint after every epoch."""
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2"]
    command += ["--config", "study=killed", "checkpoint_seconds=0"]
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"}
    with (project / "output.txt").open("ab") as output:
        return subprocess.Popen(
            command, cwd=project, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def undisturbed(project: Path, *targets: str) -> float:
    """Run the study without killing anything; return its seconds."""
    started = time.monotonic()
    if start(project, *targets).wait() != 0:
        raise RuntimeError(f"the study does not run: see {project}/output.txt")
    return time.monotonic() - started


def kill_until_done(
    project: Path, kills: int, pause: float, generator: random.Random, outcome: Outcome, *targets: str
) -> int:
    """Run a study to its end while killing up to `kills` victims; return how many were killed.

    Args:
        project: of `new_project`.
        kills: most victims.
        pause: mean seconds between two kills.
        generator: chooses victims and pauses.
        outcome: counts are added to it.
        targets: files to make; none makes all.
    """
    killed, started, code = 0, time.monotonic(), -1
    for _ in range(WAY_OUT):
        running = start(project, *targets, "--nolock")  # saves the call of --unlock after a kill of Snakemake
        outcome.starts += 1
        while running.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(generator.expovariate(1 / pause) if killed < kills else None)
            if running.poll() is None and (victim := _kill(project, generator)):
                killed += 1
                outcome.killed[victim] += 1
        code = running.returncode
        if code == 0:
            break
    if code != 0:
        raise RuntimeError(f"the study does not end: see {project}/output.txt")
    outcome.seconds.append(time.monotonic() - started)
    return killed


def _kill(project: Path, generator: random.Random) -> str:
    """Kill one victim, of a kind chosen by its weight among those that run; return its kind."""
    victims = processes(project)
    if not victims:
        return ""
    kinds = sorted([*victims, EVERYTHING])
    kind = generator.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
    pids = (
        [pid for group in victims.values() for pid in group]
        if kind == EVERYTHING
        else [generator.choice(victims[kind])]
    )
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return kind


def processes(project: Path) -> dict[str, list[int]]:
    """Return the processes that work on a project, by kind."""
    found: dict[str, list[int]] = {}
    warm = str(project / "workflow" / "scripts" / "warm.py")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            command = (process / "cmdline").read_text().split("\0")
            inside = (process / "cwd").readlink() == project
            kind = _kind(command, inside, warm)
            if kind:
                found.setdefault(kind, []).append(int(process.name))
    return found


def _kind(command: list[str], inside: bool, warm: str) -> str:
    if warm in command:
        return (
            "stage" if inside else "warm process"
        )  # a forked stage still has the warm process's command line
    if not inside:
        return ""
    if "snakemake" in command[:4]:
        return "Snakemake"
    return "launcher" if any(part.endswith("launch.py") for part in command[:4]) else ""


def leftovers(project: Path) -> list[str]:
    """Return checkpoints and temporary files among the results."""
    results = project / "results"
    return [
        str(path) for path in results.rglob("*") if "checkpoint" in path.name or path.name.startswith(".")
    ]


def torment(folder: Path, kills: int, seed: int, pause: float) -> tuple[float, Outcome]:
    """Run the study once in peace, and then killed, in fresh folders, until there were enough kills.

    Returns:
        Seconds of the undisturbed run, and what happened to the others.
    """
    generator, outcome = random.Random(seed), Outcome()
    peace = new_project(folder / "undisturbed")
    seconds = undisturbed(peace)
    while sum(outcome.killed.values()) < kills:
        project = new_project(folder / f"killed{len(outcome.seconds)}")
        killed = kill_until_done(project, kills - outcome.killed.total(), pause, generator, outcome)
        outcome.lost += [f"{project.name}/{name}" for name in differences(peace, project)]
        outcome.left += leftovers(project)
        print(f"{project.name}: done in {outcome.seconds[-1]:.0f} s after {killed} kills", flush=True)
    return seconds, outcome


def main() -> None:
    """Report kills, lost results and the time that they cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between two kills")
    parser.add_argument("--folder", type=Path, help="kept for a look; without it a temporary one is used")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        seconds, outcome = torment(folder, options.kills, options.seed, options.pause)
    total = outcome.killed.total()
    cost = (sum(outcome.seconds) - seconds * len(outcome.seconds)) / total
    print(f"kills: {total} ({', '.join(f'{kind} {count}' for kind, count in outcome.killed.most_common())})")
    print(
        f"studies: {len(outcome.seconds)}, undisturbed {seconds:.0f} s; starts of Snakemake: {outcome.starts}"
    )
    print(f"lost results: {len(outcome.lost)} {outcome.lost[:5]}")
    print(f"files left over: {len(outcome.left)} {outcome.left[:5]}")
    print(f"time overhead: {cost:.1f} s a kill")
    sys.exit(bool(outcome.lost))


if __name__ == "__main__":
    main()
