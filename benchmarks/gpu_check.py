"""Check and measure on a GPU, within 8 minutes, what was developed without one: `make gpu-check`.

Each part runs in a process of its own with a time limit, and reports when it ends. Needs no network and no data set.
`--quick` runs everything with the smallest sizes, also on a CPU, to see that it works.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import torch
from measuring import ROOT, Options, Section, machine, versions

from prunepipe.execution.devices import has_bfloat16, prepare_process, resolve_device

Rows = Iterable[dict[str, str]]
BATCHES = (64, 128)
NETWORKS = ("vgg19", "resnet32")
SCORED_IMAGES = 100
IMAGES = 50_000
"""Training images of CIFAR-10."""


def tests(options: Options) -> Rows:
    """Run the tests of training on this device: captured steps, resumed runs, masks, arithmetic, jobs side by side."""
    report = Path(os.environ["GPU_CHECK_OUTPUT"]) / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += ["tests/training/test_on_devices.py", "-k", options.device.type]
    subprocess.run(command, cwd=ROOT, check=False)
    rows = []
    for case in ElementTree.parse(report).iter("testcase"):
        states = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        seconds = f"{float(case.get('time', '0')):.1f} s"
        rows.append({"test": str(case.get("name")), "state": (states or ["passed"])[0], "time": seconds})
    if not rows or any(row["state"] in ("failure", "error") for row in rows):
        raise RuntimeError(f"tests failed: {[row for row in rows if row['state'] != 'passed'] or 'none ran'}")
    return rows


def steps(options: Options) -> Rows:
    """Time training steps against the plain loop and against the peak of matrix products."""
    from steps import steps_of

    names, batches = (NETWORKS[:1], BATCHES[:1]) if options.quick else (NETWORKS, BATCHES)
    for batch in batches:
        for name in names:
            for row in steps_of(name, 1, Options(options.device, options.quick, batch)):
                yield {"batch": str(batch), **row}


def sharing(options: Options) -> Rows:
    """Measure 1, 2, 4 and 8 jobs of a small network that share the device."""
    from prunepipe.planning.side_by_side import COUNTS, SECONDS, side_by_side
    from prunepipe.study.loading import Site
    from prunepipe.study.study import Study

    network = "resnet8_small" if options.quick else "resnet20"
    plain = {"name": "sharing", "datasets": ["cifar10"], "networks": [network], "tickets": ["snip"]}
    study = Study.model_validate(
        plain | {"recipe": {"epochs": 1, "learning_rate": 0.01}, "prune_ratios": [0.9], "seeds": [0]}
    )
    precision = "bfloat16" if has_bfloat16(options.device) else "float32"
    site = Site(device=options.device.type, precision=precision, channels_last=True)
    counts, seconds = ((2,), 0.2) if options.quick else (COUNTS, SECONDS)
    rates = side_by_side(study, site, ("cifar10", network), counts=counts, seconds=seconds)
    return [
        {"jobs": str(count), "images/s together": f"{rates[count]:,.0f}" if count in rates else "failed"}
        for count in counts
    ]


def epochs(options: Options) -> Rows:
    """Train two epochs on images of CIFAR-10's number and size, with tests after each."""
    from steps import RECIPE, build, made_up

    from prunepipe.training.images import ImageSet
    from prunepipe.training.loop import TrainingPlan, train

    rows = []
    precision = "bfloat16" if has_bfloat16(options.device) else "float32"
    count = 256 if options.quick else IMAGES
    constants: dict[str, Any] = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "device": options.device}
    for name in NETWORKS[:1] if options.quick else NETWORKS:
        network, mask = build(name, options)
        network = network.to(memory_format=torch.channels_last)
        images, labels = made_up(count)
        training = ImageSet(images, labels, crop_padding=4, channels_last=True, **constants)
        test = ImageSet(images[: count // 5], labels[: count // 5], channels_last=True, **constants)
        plan = TrainingPlan(RECIPE.model_copy(update={"epochs": 2}), 0, "retrain", precision)
        state = train(network, training, test, plan, mask=mask)
        took = state.seconds[-1]
        rows.append(
            {
                "network": name,
                "precision": precision,
                "epoch": f"{took:.2f} s",
                "images/s": f"{count / took:,.0f}",
            }
        )
    return rows


def data(options: Options) -> Rows:
    """Time the augmented batches against a DataLoader."""
    from steps import data_pipeline

    return data_pipeline(options).rows  # type: ignore[return-value]


def memory(options: Options) -> Rows:
    """Measure the peak memory of training steps and of scores: of the GPU, or of the process on a CPU."""
    from one_score import score_once
    from steps import our_step

    rows = []
    precision = "bfloat16" if has_bfloat16(options.device) else "float32"
    for name in NETWORKS[:1] if options.quick else NETWORKS:
        for batch in BATCHES[:1] if options.quick else BATCHES:
            chosen = Options(options.device, options.quick, batch)
            peak = _peak(lambda name=name, chosen=chosen: our_step(name, precision, True, chosen)(), options)
            rows.append({"what": f"step of {name}, batch {batch}, {precision}", "MB": peak})
    count = 8 if options.quick else SCORED_IMAGES
    for score in ("snip", "grasp", "obd"):
        peak = _peak(lambda score=score: score_once(score, "vgg19", count, options), options)
        rows.append({"what": f"{score} of vgg19, {count} images in a batch", "MB": peak})
    return rows


def _peak(work: Callable[[], object], options: Options) -> str:
    if options.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(options.device)
        work()
        return f"{torch.cuda.max_memory_allocated(options.device) / 1e6:,.0f}"
    work()
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f}"


class Part(NamedTuple):
    """A part of the check.

    Attributes:
        measure: returns the rows of its table, or yields them, so that those before a stop are kept.
        limit: seconds until it is stopped; together 8 minutes.
    """

    measure: Callable[[Options], Rows]
    limit: float


PARTS = {
    "tests": Part(tests, 60),
    "epochs": Part(epochs, 50),
    "sharing": Part(sharing, 80),
    "data": Part(data, 45),
    "memory": Part(memory, 45),
    "steps": Part(steps, 200),
}
"""In the order in which they run."""

LAST_WORDS = 5.0
"""Seconds before its limit at which a part says where it is."""

QUICK_PATIENCE = 5
"""Factor on the limits in quick mode, which also runs on busy CPUs."""


def run_part(name: str, arguments: Sequence[str], folder: Path, limit: float) -> dict[str, Any]:
    """Run a part in a process of its own, stop it at its time limit, and return its outcome.

    Args:
        name: a key of `PARTS`.
        arguments: options of this script that the part receives.
        folder: output folder; the part writes NAME.json and NAME.log there.
        limit: seconds.
    """
    found, log = folder / f"{name}.json", folder / f"{name}.log"
    found.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--part", name, "--output", str(folder), *arguments]
    started = time.monotonic()
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            state = "done" if process.wait(limit) == 0 else "failed"
        except subprocess.TimeoutExpired:
            state = f"stopped after {limit:g} s"
        finally:
            _end_group(process)
    rows = json.loads(found.read_text()) if found.is_file() else []
    return {"state": state, "seconds": round(time.monotonic() - started, 1), "rows": rows}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a part's process and those that it started."""
    with contextlib.suppress(ProcessLookupError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _limit(part: str, quick: bool) -> float:
    return PARTS[part].limit * (QUICK_PATIENCE if quick else 1)


def check(names: Sequence[str], arguments: Sequence[str], folder: Path, device: torch.device) -> bool:
    """Run parts, print and write what they find as they end, and return whether all of them succeeded."""
    outcomes: dict[str, Any] = {}
    for name in names:
        limit = _limit(name, "--quick" in arguments)
        outcome = outcomes[name] = run_part(name, arguments, folder, limit)
        text = f"{PARTS[name].measure.__doc__} {outcome['state'].capitalize()} ({outcome['seconds']} s)."
        print(Section(name, text, outcome["rows"]).markdown(), flush=True)
        if outcome["state"] != "done":
            print((folder / f"{name}.log").read_text()[-3000:], flush=True)
        report = {"machine": machine(device), "versions": versions(), "parts": outcomes}
        (folder / "gpu_check.json").write_text(json.dumps(report, indent=1) + "\n")
    return all(outcome["state"] == "done" for outcome in outcomes.values())


def main() -> int:
    """Run all parts, or measure one of them in this process (`--part`)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="smallest sizes; the numbers mean nothing")
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these parts alone"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "gpu_check", metavar="FOLDER")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    if device.type == "cpu" and not arguments.quick:
        parser.error("torch finds no CUDA device; --quick runs everything in its smallest size on the CPU")
    folder = arguments.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.part:
        prepare_process(1)
        os.environ["GPU_CHECK_OUTPUT"] = str(folder)
        faulthandler.dump_traceback_later(_limit(arguments.part, arguments.quick) - LAST_WORDS)
        rows = []
        for row in PARTS[arguments.part].measure(Options(device, arguments.quick)):
            rows.append(row)
            (folder / f"{arguments.part}.json").write_text(json.dumps(rows))
        return 0
    print(machine(device), flush=True)
    passed_on = ["--device", device.type, *(["--quick"] if arguments.quick else [])]
    return 0 if check(arguments.only, passed_on, folder, device) else 1


if __name__ == "__main__":
    sys.exit(main())
