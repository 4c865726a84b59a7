"""What it costs that nothing is lost and no GPU is shared by accident: checkpoints, leases, tickets."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import Options, Section
from steps import build

from prunepipe.artifacts import write_arrays
from prunepipe.checks import rearrange
from prunepipe.configuration import Site
from prunepipe.leases import lease_devices
from prunepipe.networks.tracing import trace
from prunepipe.pipeline.checking import apply_check, describe
from prunepipe.progress import Checkpoint, Progress
from prunepipe.seeds import numpy_generator
from prunepipe.state import arrays_of
from prunepipe.tickets import write_ticket


def keeping(options: Options) -> Section:
    """Time a checkpoint, a lease and a ticket."""
    network, mask = build("vgg19", options)
    network = network.cpu()
    structure = trace(network, channels=3, image_size=32)
    weights = arrays_of(network)
    momentum = {name: np.zeros_like(weights[name]) for name, _ in network.named_parameters()}
    interval = Site().checkpoint_seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        checkpoint = Checkpoint(folder / "checkpoint.safetensors", {"run": "benchmark"}, interval)
        progress = Progress(epoch=1, weights=weights, momentum=momentum)
        saving = _median(lambda: checkpoint.save(progress), options)
        resuming = _median(checkpoint.load, options)
        plain = _median(lambda: write_arrays(folder / "weights.safetensors", weights), options)
        leasing = _median(lambda: _lease(folder), options, 50)
        ticket = _median(lambda: _ticket(folder, weights, mask), options)
        paths = _median(lambda: describe(mask, structure), options)
    rows = [
        {"what": "write a checkpoint: weights and momentum", "time": f"{1000 * saving:.0f} ms", "target": ""},
        {
            "what": f"the same as a share of the {interval:.0f} s between two of them",
            "time": f"{100 * saving / interval:.2f} %",
            "target": "2 %",
        },
        {"what": "read it and go on", "time": f"{1000 * resuming:.0f} ms", "target": ""},
        {"what": "write the weights alone", "time": f"{1000 * plain:.0f} ms", "target": ""},
        {
            "what": "lease one of 4 free devices, and give it back",
            "time": f"{1000 * leasing:.2f} ms",
            "target": "10 ms",
        },
        {
            "what": "rearrange a mask, apply and write the ticket",
            "time": f"{1000 * ticket:.0f} ms",
            "target": "",
        },
        {"what": "find all weights on a path, and collapse", "time": f"{1000 * paths:.0f} ms", "target": ""},
    ]
    text = (
        f"{structure.size:,} weights (VGG19), a tenth kept, one thread, files fsynced. Checkpoints are written at the "
        f"end of an epoch, if the last is {interval:.0f} s old (`checkpoint_seconds`): their share of the time is at "
        "most that of the second row, however short epochs are."
    )
    return Section("Keeping what is done", text, rows)


def _lease(folder: Path) -> None:
    environment: dict[str, str] = {}
    with lease_devices(1, found=4, folder=folder, environment=environment, say=lambda text: None):
        pass


def _ticket(folder: Path, weights: dict[str, np.ndarray], mask: dict[str, np.ndarray]) -> None:
    masked, kept = apply_check(
        weights,
        rearrange(mask, generator=numpy_generator(0, "benchmark")),
        {},
        check="none",
        mask_check=None,
        weights_check=None,
        seed=0,
    )
    write_ticket(folder / "ticket.safetensors", masked, kept, settings={})


def _median(call: Callable[[], object], options: Options, repeats: int = 7) -> float:
    """Return the median seconds of a call, after one that warms up."""
    seconds = []
    for _ in range(3 if options.quick else repeats + 1):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
