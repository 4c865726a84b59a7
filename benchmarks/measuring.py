"""Shared by the benchmarks: interleaved timing, the machine's name and peak, tables, a project to run in."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch

from prunepipe.execution.devices import has_bfloat16

ROOT = Path(__file__).parents[1]
PROJECT = ("Snakefile", "config.yaml", "config", "workflow", "profiles", "envs", "src")
PEAK_SIZE = {"cpu": 2048, "cuda": 8192}


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        device: where the steps run.
        quick: smallest sizes, to check that everything works; the numbers are meaningless.
        batch: images per training step.
    """

    device: torch.device
    quick: bool = False
    batch: int = 64


@dataclass(frozen=True)
class Section:
    """One table of the report, with its introduction."""

    title: str
    text: str
    rows: Sequence[Mapping[str, str]] = field(default_factory=list)

    def markdown(self) -> str:
        """Format the section as Markdown."""
        if not self.rows:
            return f"## {self.title}\n\n{self.text}\n"
        names = list(self.rows[0])
        lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in self.rows)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"## {self.title}\n\n{self.text}\n\n{table}\n"


def interleaved(
    calls: Mapping[str, Callable[[], object]], repeats: int, device: torch.device
) -> dict[str, list[float]]:
    """Time functions in turn, so that other load on the machine affects all of them equally.

    Args:
        calls: functions to time; each gets one extra call to warm up.
        repeats: number of timed calls of each.
        device: synchronised after every call.
    Returns:
        Seconds of every call.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(-1, repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Return the speedup of the second over the first, as the median over turns."""
    return statistics.median(one / two for one, two in zip(slow, fast, strict=True))


def matmul(precision: str, options: Options) -> tuple[Callable[[], torch.Tensor], float]:
    """Return a square matrix product that runs at the device's peak, and its operations."""
    size = 128 if options.quick else PEAK_SIZE[options.device.type]
    one = torch.randn(size, size, device=options.device, dtype=getattr(torch, precision))
    return lambda: one @ one, 2 * size**3


def machine(device: torch.device) -> str:
    """Return one line that describes the machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    cores = len(os.sched_getaffinity(0))
    isa = torch.backends.cpu.get_cpu_capability()
    bf16 = "with" if has_bfloat16(torch.device("cpu")) else "without"
    gpu = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: all figures are for the CPU"
    )
    return f"{name}, {cores} cores ({isa}, {bf16} bfloat16); {gpu}"


def versions() -> str:
    """Return the relevant versions."""
    names = ("torch", "torchvision", "numpy", "snakemake")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


def copy_project(folder: Path, name: str, study: str) -> Path:
    """Copy what the workflow needs into a new folder, and write a study there.

    Args:
        folder: must not exist yet.
        name, study: name of the study, and the text of its file.
    """
    folder.mkdir(parents=True)
    for part in PROJECT:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / part)
    (folder / "config" / f"{name}.yaml").write_text(study, encoding="utf-8")
    return folder


def with_seeds(study: str, seeds: int) -> str:
    """Return the text of a study in config/ with different seeds."""
    text = (ROOT / "config" / f"{study}.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("seeds:")]
    return "\n".join([*lines, f"seeds: {list(range(seeds))}", ""])


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median of seconds, in milliseconds."""
    value = 1000 * statistics.median(seconds)
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
