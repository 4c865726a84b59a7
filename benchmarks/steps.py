"""Compare training steps and the data pipeline with the plain loop and with the peak of matrix products."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np
import torch
from measuring import Options, Section, interleaved, matmul, median_ratio, milliseconds
from plain_loop import Pictures, PlainAdamW, PlainStep, endless, loader
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.execution.devices import has_bfloat16
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.shapes import layer_maps
from prunepipe.planning.costs import flops_of
from prunepipe.seeds import numpy_generator, torch_generator
from prunepipe.study.recipe import OPTIMIZERS, Augmentation, Recipe
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.images import ImageSet, draw_epoch, to_device
from prunepipe.training.step import TrainingStep

SIDE, PADDING, WORKERS = 32, 4, 4
RECIPE = Recipe(epochs=1, learning_rate=0.01, augmentation=Augmentation(crop_padding=PADDING, flip=True))
PLAIN = "plain loop"
OURS = {
    "float32": ("float32", False),
    "float32, channels_last": ("float32", True),
    "bfloat16, channels_last": ("bfloat16", True),
}
TARGETS = {
    ("vgg19", "float32, channels_last"): 1.0,
    ("resnet32", "float32, channels_last"): 1.2,
    ("vgg19", "bfloat16, channels_last"): 1.8,
    ("resnet32", "bfloat16, channels_last"): 2.3,
}


def variants_on(device: torch.device) -> dict[str, tuple[str, bool]]:
    """Return the variants that a device supports natively; emulated bfloat16 has no meaningful speed."""
    return {name: how for name, how in OURS.items() if how[0] == "float32" or has_bfloat16(device)}


def made_up(count: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return random images, uint8 [N, 3, 32, 32], and random labels."""
    generator = numpy_generator(0, "benchmark")
    images = generator.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8)
    return images, generator.integers(0, classes, count)


def build(name: str, options: Options, classes: int = 10) -> tuple[nn.Module, Arrays]:
    """Return a network on the device, and a mask that keeps a tenth of its weights."""
    reference = NETWORKS["resnet8_small" if options.quick else name].function
    network = make_network(reference, channels=3, classes=classes, image_size=SIDE).to(options.device)
    generator = numpy_generator(0, "mask")
    weights = {key: value for key, value in network.named_parameters() if value.ndim > 1}
    return network, {key: generator.random(tuple(value.shape)) < 0.1 for key, value in weights.items()}


def our_step(
    name: str,
    precision: str,
    channels_last: bool,
    options: Options,
    recipe: Recipe = RECIPE,
    captured: bool = True,
) -> Callable[[], None]:
    """Return a function that takes one of our training steps, including augmentation; on a GPU captured in a graph."""
    network, mask = build(name, options)
    network = network.to(memory_format=torch.channels_last) if channels_last else network
    batch = options.batch
    images, labels = made_up(16 * batch)
    constants = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_padding": PADDING, "device": options.device}
    image_set = ImageSet(images, labels, channels_last=channels_last, **constants)  # type: ignore[arg-type]
    draws = to_device(
        draw_epoch(len(labels), RECIPE.augmentation, torch_generator(0, "benchmark")), options.device
    )
    step = TrainingStep(network, recipe, mask, precision)
    take = GraphedStep(step, batch) if captured and options.device.type == "cuda" else step
    turn = 0

    def call() -> None:
        nonlocal turn
        start = turn % 16 * batch
        turn += 1
        take(*image_set.batch(draws, start, start + batch), 0.01)

    return call


class PlainProcess:
    """The plain loop in a separate process, which our settings do not affect; a call takes one step.

    Args:
        name, options: as for `build`.
        threads: threads of the process.
    """

    def __init__(self, name: str, options: Options, threads: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._connection, other = spawn.Pipe()
        self._process = spawn.Process(target=_serve_steps, args=(other, name, options, threads))
        self._process.start()
        other.close()

    def __call__(self) -> None:
        """Let the process take a step, and wait for it."""
        self._connection.send(True)
        self._connection.recv()

    def end(self) -> None:
        """End the process."""
        self._connection.send(False)
        self._process.join(10)
        self._process.kill()  # if the DataLoader's workers keep it


def _serve_steps(connection: Connection, name: str, options: Options, threads: int) -> None:
    torch.set_num_threads(threads)
    step = plain_step(name, options)
    while connection.recv():
        step()
        if options.device.type == "cuda":
            torch.cuda.synchronize(options.device)
        connection.send(True)


def plain_step(name: str, options: Options) -> PlainStep:
    """Return a function that takes one step of the plain loop with the same network, mask and images."""
    network, mask = build(name, options)
    pictures = Pictures(*made_up(16 * options.batch), PADDING)
    return PlainStep(network, mask, endless(loader(pictures, options.batch, 0 if options.quick else WORKERS)))


def training_steps(options: Options) -> Section:
    """Time a training step of every variant, alternating with the plain loop and with matrix products."""
    cores = len(os.sched_getaffinity(0))
    rows = []
    for threads in sorted({1, min(2, cores)}) if options.device.type == "cpu" and not options.quick else [1]:
        torch.set_num_threads(threads)
        for name in ("vgg19",) if options.quick else ("vgg19", "resnet32"):
            rows += steps_of(name, threads, options)
    torch.set_num_threads(1)
    text = (
        f"One step (forward, backward, SGD, mask, and reading the batch) with a batch of {options.batch} images of "
        f"{SIDE}x{SIDE} pixels and a tenth of the weights kept. Plain loop: PIL images, a DataLoader with {WORKERS} "
        "workers and torchvision transforms, gradients masked layer by layer, torch.optim.SGD, NCHW, in a separate "
        "process. The variants are timed alternately; the table shows median times and the median of the ratios. "
        "Peak: speed relative to a square matrix product in the same precision, timed alternately with the steps."
    )
    if not has_bfloat16(options.device):
        text += (
            " **This processor has no bfloat16**, so its rows are missing and its targets (1.8 for VGG19, 2.3 for "
            "ResNet32) are not tested; the workflow refuses `precision: bfloat16` on such a machine."
        )
    return Section("Training step", text, rows)


def steps_of(name: str, threads: int, options: Options) -> list[dict[str, str]]:
    """Time a network's step in every variant, in turn with the plain loop and with matrix products."""
    plain = PlainProcess(name, options, threads)
    calls: dict[str, Callable[[], object]] = {PLAIN: plain}
    ours = variants_on(options.device)
    calls |= {variant: our_step(name, *choice, options) for variant, choice in ours.items()}
    peaks = {}
    for precision in dict.fromkeys(precision for precision, _ in ours.values()):
        calls[f"matmul {precision}"], peaks[precision] = matmul(precision, options)
    turns = 2 if options.quick else 11 if options.device.type == "cpu" else 50
    seconds = interleaved(calls, turns, options.device)
    plain.end()
    maps = layer_maps("resnet8_small" if options.quick else name, 3, 10, SIDE)
    assert maps is not None
    flops = options.batch * flops_of(maps)[0]
    rows = []
    for variant in (PLAIN, *ours):
        precision = ours[variant][0] if variant in ours else "float32"
        peak = peaks[precision] / statistics.median(seconds[f"matmul {precision}"])
        target = TARGETS.get((name, variant))
        rows.append(
            {
                "network": name,
                "threads": str(threads),
                "variant": variant,
                "ms": milliseconds(seconds[variant]),
                "times faster": f"{median_ratio(seconds[PLAIN], seconds[variant]):.2f}",
                "target": f"{target}" if target and threads > 1 else "",
                "of the peak": f"{100 * flops / statistics.median(seconds[variant]) / peak:.0f} %",
            }
        )
    return rows


def optimizers(options: Options) -> Section:
    """Time a training step of ResNet32 under every optimizer, in turn."""
    torch.set_num_threads(1)
    recipes = {name: Recipe(epochs=1, learning_rate=0.01, optimizer=name) for name in OPTIMIZERS}
    recipes["adamw, clipped"] = Recipe(
        epochs=1, learning_rate=0.01, optimizer="adamw", clip_gradient_norm=1.0
    )
    calls = {name: our_step("resnet32", "float32", True, options, recipe) for name, recipe in recipes.items()}
    turns = 2 if options.quick else 11 if options.device.type == "cpu" else 50
    seconds = interleaved(calls, turns, options.device)
    rows = [
        {
            "optimizer": name,
            "ms": milliseconds(seconds[name]),
            "times SGD's": f"{median_ratio(seconds[name], seconds['sgd']):.2f}",
            "target": "1.10" if name == "adamw" else "",
        }
        for name in calls
    ]
    text = (
        f"One step of ResNet32 as above (float32, channels_last, 1 thread, batch {options.batch}, a tenth of the "
        "weights kept) with each optimizer, timed alternately; medians."
    )
    return Section("Optimizers", text, rows)


def transformer(options: Options) -> Section:
    """Time a training step of the small vision transformer, in turn with a plain loop of torch."""
    torch.set_num_threads(1)
    recipe = Recipe(epochs=1, learning_rate=0.001, optimizer="adamw")
    images, labels = made_up(16 * options.batch)
    network, mask = build("vit_small", options)
    calls = {
        PLAIN: PlainAdamW(network, mask, images, labels, options.batch),
        "ours": our_step("vit_small", "float32", True, options, recipe),
    }
    seconds = interleaved(
        calls, 2 if options.quick else 11 if options.device.type == "cpu" else 50, options.device
    )
    rows = [
        {
            "loop": name,
            "ms": milliseconds(seconds[name]),
            "times the plain loop's": f"{median_ratio(seconds[name], seconds[PLAIN]):.2f}",
            "target": "1.10" if name == "ours" else "",
        }
        for name in calls
    ]
    text = (
        f"One step of `vit_small` (float32, 1 thread, batch {options.batch}, {SIDE}x{SIDE} images, AdamW, a tenth of "
        "the weights kept). Plain loop: images normalised once and kept in one tensor, no augmentation, "
        "torch.optim.AdamW, weights masked layer by layer after the step. Ours crops, flips and normalises as well. "
        "They take turns; medians."
    )
    return Section("Transformer", text, rows)


def data_pipeline(options: Options) -> Section:
    """Time only the augmented batches: ours against the DataLoader with the same transforms."""
    count = options.batch * (4 if options.quick else 100)
    images, labels = made_up(count)
    image_set = ImageSet(images, labels, (0.5,) * 3, (0.5,) * 3, crop_padding=PADDING, device=options.device)
    cores = len(os.sched_getaffinity(0))
    rows = []
    for threads in sorted({1, cores}):
        workers = 0 if threads == 1 or options.quick else threads
        batches = loader(Pictures(images, labels, PADDING), options.batch, workers)
        torch.set_num_threads(threads)
        calls = {"plain": lambda batches=batches: list(batches), "ours": lambda: _epoch(image_set, options)}
        seconds = interleaved(calls, 2 if options.quick else 5, options.device)
        plain, ours = (count / statistics.median(seconds[name]) for name in ("plain", "ours"))
        rows.append(
            {
                "cores": str(threads),
                "DataLoader": f"{plain:,.0f} images/s",
                "ours": f"{ours:,.0f} images/s",
                "times faster": f"{median_ratio(seconds['plain'], seconds['ours']):.1f}",
                "target": "19",
            }
        )
    torch.set_num_threads(1)
    text = (
        f"Random crop (padding {PADDING}), flip and normalisation of {count:,} images, without any network. On one "
        "core the DataLoader has no workers, otherwise one per core."
    )
    return Section("Data pipeline", text, rows)


def _epoch(image_set: ImageSet, options: Options) -> None:
    started = time.time_ns()
    draws = draw_epoch(len(image_set), RECIPE.augmentation, torch_generator(0, "epoch", started))
    draws = to_device(draws, options.device)
    for start in range(0, len(image_set), options.batch):
        image_set.batch(draws, start, start + options.batch)
