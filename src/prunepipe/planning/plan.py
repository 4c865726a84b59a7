"""Describe the cost of a study before it runs: runs, epochs, arithmetic, hours, disk."""

from __future__ import annotations

from prunepipe.planning.costs import Calibration, StudyCost, plan
from prunepipe.planning.side_by_side import COUNTS, recommended
from prunepipe.study.study import Study

ASSUMED_GPU_GFLOPS = 50_000.0
"""Default GFLOP/s of one GPU in training: estimated for an A100 in bfloat16 with CUDA graphs, not measured."""

ASSUMED_GPU_STEP = 1e-3
"""Minimum seconds per step on a GPU, even for a small network, due to launches, also of a graph. Estimated."""

UNKNOWN = "unknown"
UNITS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
TIMES = ((86_400, "days"), (3600, "hours"), (60, "minutes"))


def plan_text(
    study: Study,
    *,
    gpus: int = 1,
    calibration: Calibration | None = None,
    device: str = "auto",
) -> str:
    """Describe the cost of a study as text for a terminal.

    Args:
        study: a validated study.
        gpus: number of GPUs that share the work, > 0.
        calibration: speed of this device, from `planning.speed.measure`; None omits its time.
        device: the site's device; GPU times are not estimated for "cpu".
    """
    cost = plan(study)
    dense = sum(part.dense_runs for part in cost.parts)
    searches = sum(part.searches for part in cost.parts)
    searched = f"{searches:,} of the runs only lead to a mask: cycles on changed data, masks that move."
    lines = [
        f"Study {cost.study}: {cost.runs:,} runs: {dense:,} dense, shared by {cost.runs - dense:,} of tickets",
        f"({cost.runs_not_shared:,} runs if every ticket trained its own dense network); {cost.epochs:,} epochs,",
        "fewer if masks leave no path from input to output: those tickets are not trained.",
        *([searched] if searches else []),
        f"On a cluster {cost.submissions:,} submissions: these runs and {cost.scorings:,} sets of scores; the rest is",
        "light, and done where you submit.",
        "",
        *_table(cost),
        "",
        f"Arithmetic: {_unit(cost.flops, 'FLOP')} of training and testing (scoring is left out).",
        f"Disk: {_unit(cost.disk, 'B')}, of which prepared data sets {_unit(cost.datasets_disk, 'B')}.",
    ]
    if calibration is None:
        lines.append("Time on this machine: not measured; --calibrate times a few steps.")
    lines += _times(cost, gpus, calibration, device)
    if calibration is not None and device != "cpu":
        lines += _sharing(calibration)
    return "\n".join(lines)


def _table(cost: StudyCost) -> list[str]:
    rows = [("data set", "network", "runs", "epochs", f"a step of {cost.batch_size}", "total", "disk")]
    for part in cost.parts:
        step = part.step_flops and part.step_flops * cost.batch_size
        runs = f"{part.dense_runs + part.cells + part.searches:,}", f"{part.epochs:,}"
        numbers = _unit(step, "FLOP"), _unit(part.flops, "FLOP"), _unit(part.disk, "B")
        rows.append((part.dataset, part.network, *runs, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _times(cost: StudyCost, gpus: int, calibration: Calibration | None, device: str) -> list[str]:
    lines = []
    seconds = calibration.seconds(cost) if calibration else None
    if calibration is not None:
        side = f"{calibration.jobs} jobs side by side" if calibration.jobs > 1 else "one job at a time"
        lines.append(
            f"Time on {calibration.device}, {side}: {_time(seconds)} (a few steps of each network timed)."
        )
    name = f"{gpus} GPU" + "s" * (gpus > 1)
    if calibration is not None and calibration.gpu:
        lines.append(f"Time on {name} like this one: {_time(None if seconds is None else seconds / gpus)}.")
    elif device != "cpu":
        speed = f"{ASSUMED_GPU_GFLOPS / 1000:g} TFLOP/s"
        lines.append(
            f"Time on {name}: {_time(_assumed_seconds(cost, gpus))}, assumed from {speed} and 1 ms a step."
        )
    return lines


def _sharing(calibration: Calibration) -> list[str]:
    """Return what jobs that share a GPU reach together, and the number to set."""
    if not calibration.gpu:
        return ["jobs_per_gpu: not measured, since torch finds no CUDA device on this machine."]
    lines, numbers = [], []
    for (dataset, network), rates in calibration.side_by_side.items():
        text = ", ".join(f"{count}: {rate:,.0f}" for count, rate in rates.items())
        failed = "" if len(rates) == len(COUNTS) else "; more jobs failed"
        lines.append(f"Images per second of jobs on one GPU, {network} on {dataset}: {text}{failed}.")
        numbers += [recommended(rates)] if rates else []
    if numbers:
        lines.append(
            f"Recommended: jobs_per_gpu: {min(numbers)} in config.yaml, the fewest jobs within 5 % of the most images."
        )
    return lines


def _assumed_seconds(cost: StudyCost, gpus: int) -> float | None:
    total = 0.0
    for part in cost.parts:
        if part.flops is None or part.trained_images is None:
            return None
        steps = part.trained_images / cost.batch_size
        total += max(part.flops / 1e9 / ASSUMED_GPU_GFLOPS, steps * ASSUMED_GPU_STEP)
    return total / gpus


def _unit(value: float | None, unit: str) -> str:
    if value is None:
        return UNKNOWN
    size, prefix = next(((size, prefix) for size, prefix in UNITS if value >= size), (1.0, ""))
    return (
        f"{value / size:.3g} {prefix}{unit}" if value < 999.5 * size else f"{value / size:.0f} {prefix}{unit}"
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    size, unit = next(((size, unit) for size, unit in TIMES if seconds >= 2 * size), (1, "seconds"))
    return (
        f"about {seconds / size:.1f} {unit}" if seconds < 10 * size else f"about {seconds / size:,.0f} {unit}"
    )
