"""Show where the time of a training step goes: `python benchmarks/benchmark.py --only breakdown`."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import torch
from measuring import Options, Section
from steps import our_step, variants_on
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from prunepipe.training.images import ImageSet

DATA = "batch of images"
"""Marks what reads and augments a batch, whose operations have no names of their own."""

PARTS = {
    "convolutions, matrix products": ("conv", "addmm", "aten::mm", "aten::bmm", "linear"),
    "BatchNorm, ReLU, pooling, addition": (
        "batch_norm",
        "relu",
        "threshold",
        "clamp_min",
        "pool",
        "aten::add",
        "aten::sum",
    ),
    "layout and data type": ("copy", "aten::to", "clone", "contiguous", "reorder", "aten::empty_like"),
    "optimizer and mask": ("_foreach",),
}
"""Parts of a step, by parts of the names of torch's operations; the first that matches counts."""


def breakdown(options: Options) -> Section:
    """Attribute the time of steps of VGG19 and ResNet32 to their parts, in every precision."""
    torch.set_num_threads(1)
    rows = []
    for name in ("vgg19", "resnet32"):
        for variant, (precision, channels_last) in variants_on(options.device).items():
            if channels_last:
                shares = step_shares(name, precision, options)
                rows.append({"network": name, "variant": variant, **shares})
    text = (
        f"Share of the {'GPU' if options.device.type == 'cuda' else 'CPU'} time of a step (batch {options.batch}, one "
        "CPU thread, a tenth of the weights kept) by the operations of torch that take it, as torch.profiler records "
        "them. A convolution's share includes what the library does inside it, such as its own changes of layout. On "
        "a GPU the step is taken eagerly, since the parts of a graph have no names."
    )
    return Section("Where a step's time goes", text, rows)


def step_shares(name: str, precision: str, options: Options) -> dict[str, str]:
    """Return the share of each part in a network's training step."""
    take = our_step(name, precision, True, options, captured=False)
    read = ImageSet.batch

    def marked(images: ImageSet, *arguments: object) -> object:
        with record_function(DATA):
            return read(images, *arguments)  # type: ignore[arg-type]

    gpu = options.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    take()
    with patch.object(ImageSet, "batch", marked), profile(activities=activities) as profiled:
        for _ in range(1 if options.quick else 5):
            take()
        if gpu:
            torch.cuda.synchronize(options.device)
    spent: Counter[str] = Counter()
    for event in profiled.events():
        spent[_part(event)] += event.self_device_time_total if gpu else event.self_cpu_time_total
    total = sum(spent.values())
    return {part: f"{spent[part] / total:.1%}" for part in (*PARTS, "data", "rest")}


def _part(event: FunctionEvent) -> str:
    above: FunctionEvent | None = event
    while above is not None:
        if above.name == DATA:
            return "data"
        above = above.cpu_parent
    for part, names in PARTS.items():
        if any(name in event.name for name in names):
            return part
    return "rest"
