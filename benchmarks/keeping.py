"""Measure the cost of checkpoints, GPU leases and tickets."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
from measuring import Options, Section
from steps import RECIPE, build

from prunepipe.artifacts import write_arrays
from prunepipe.execution.leases import lease_devices
from prunepipe.networks.prunable import prunable
from prunepipe.networks.state import arrays_of
from prunepipe.pruning.checks import rearrange
from prunepipe.pruning.tickets import write_ticket
from prunepipe.seeds import numpy_generator
from prunepipe.stages.checking import apply_check
from prunepipe.stages.describing import describe
from prunepipe.stages.schemas.checking import CheckSettings
from prunepipe.study.loading import Site
from prunepipe.training.checkpoint import Checkpoint, TrainState
from prunepipe.training.loop import capture
from prunepipe.training.step import TrainingStep

CHECKPOINT = "write a checkpoint: weights and momentum"
REWINDING = "the same for a dense run that keeps weights to rewind to"
LEASE = "lease one of 4 free devices and release it"


def keeping(options: Options) -> Section:
    """Time a checkpoint, a lease and a ticket."""
    network, mask = build("vgg19", options)
    weights = arrays_of(network.cpu())
    size = sum(weight.numel() for weight in prunable(network).values())
    plain = deepcopy(network)
    step = TrainingStep(network.to(options.device), RECIPE, mask, "float32")
    interval = Site().checkpoint_seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        checkpoint = Checkpoint(folder / "checkpoint.safetensors", {"run": "benchmark"}, interval)
        state, rewinding = TrainState(epoch=1), TrainState(epoch=1, snapshots={1: weights})
        calls = {
            CHECKPOINT: lambda: checkpoint.save(capture(step, state)),
            REWINDING: lambda: checkpoint.save(capture(step, rewinding)),
            "read it to resume": checkpoint.load,
            "write the weights alone": lambda: write_arrays(folder / "weights.safetensors", weights),
            LEASE: lambda: _lease(folder),
            "rearrange a mask, apply it and write the ticket": lambda: _ticket(folder, weights, mask),
            "find all weights on a path and detect layer collapse": lambda: describe(
                mask, plain, (3, 32, 32)
            ),
        }
        seconds = {what: _median(call, options) for what, call in calls.items()}
    rows = []
    for what, value in seconds.items():
        checkpoints = what in (CHECKPOINT, REWINDING)
        share = f"{100 * value / interval:.2f} %" if checkpoints else ""
        target = "2 %" if checkpoints else "10 ms" if what == LEASE else ""
        time_taken = f"{1000 * value:,.0f} ms" if value > 0.01 else f"{1000 * value:.2f} ms"
        rows.append({"what": what, "time": time_taken, "share": share, "target": target})
    text = (
        f"{size:,} weights (VGG19), a tenth kept, one thread, files fsynced. A checkpoint is written at the "
        f"end of an epoch if the last one is {interval:.0f} s old (`checkpoint_seconds`). The share is relative to "
        f"{interval:.0f} s; if an epoch takes longer, it is smaller."
    )
    return Section("Checkpoints, leases and tickets", text, rows)


def _lease(folder: Path) -> None:
    environment: dict[str, str] = {}
    with lease_devices(1, found=4, folder=folder, environment=environment, say=lambda text: None):
        pass


def _ticket(folder: Path, weights: dict[str, np.ndarray], mask: dict[str, np.ndarray]) -> None:
    rearranged = rearrange(mask, generator=numpy_generator(0, "benchmark"))
    masked, kept = apply_check(weights, rearranged, {}, CheckSettings(check="none", seed=0))
    write_ticket(folder / "ticket.safetensors", masked, kept, settings={})


def _median(call: Callable[[], object], options: Options, repeats: int = 7) -> float:
    """Return the median seconds of a call, after one warm-up call."""
    seconds = []
    for _ in range(3 if options.quick else repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
