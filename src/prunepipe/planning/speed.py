"""Measure how fast this device trains the networks of a study, with a few real steps of each."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from prunepipe.execution.cores import usable_cores
from prunepipe.execution.devices import device_name, prepare_process, require_precision, resolve_device
from prunepipe.networks.building import make_network
from prunepipe.planning.costs import Calibration
from prunepipe.planning.side_by_side import side_by_side
from prunepipe.seeds import torch_generator
from prunepipe.stages.settings import network_settings
from prunepipe.study.feasibility import facts_of
from prunepipe.study.loading import Site
from prunepipe.study.study import Study
from prunepipe.training.cuda_graph import GraphedStep
from prunepipe.training.images import ImageSet, draw_epoch, to_device
from prunepipe.training.step import TrainingStep


def measure(study: Study, site: Site, *, steps: int = 3) -> Calibration:
    """Time training steps of every network of a study on every data set of known shape.

    On a GPU, 1, 2, 4 and 8 jobs of every network also train side by side for a few seconds each.

    Args:
        study: its networks are timed on artificial images.
        site: device, precision, layout and threads of the training jobs.
        steps: number of timed steps per network, of which the median is used.
    """
    device = resolve_device(site.device)
    paces = {}
    for place in study.places:
        pace = _seconds_per_image(study, *place, site, steps)
        if pace is not None:
            paces[place] = pace
    gpu = device.type == "cuda"
    jobs = site.jobs_per_gpu if gpu else max(1, usable_cores() // site.threads)
    name = device_name(device) if gpu else f"this machine's {os.cpu_count()} cores"
    places = {network: (dataset, network) for dataset, network in reversed(paces)}  # on the first data set
    shared = {place: side_by_side(study, site, place) for place in places.values()} if gpu else {}
    return Calibration(f"{name} in {site.precision}", gpu, jobs, paces, shared)


def _seconds_per_image(study: Study, dataset: str, network: str, site: Site, steps: int) -> float | None:
    if facts_of(study, dataset) is None:
        return None
    take, seconds = steps_of(study, dataset, network, site), []
    for _ in range(1 + steps):
        started = time.perf_counter()
        take()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:]) / study.recipe.batch_size


def steps_of(study: Study, dataset: str, network: str, site: Site) -> Callable[[], None]:
    """Return a function that takes a training step on artificial images and waits for the device.

    Args:
        study: recipe, data set (of known shape) and network.
        dataset, network: their names in the study.
        site: device, threads, precision and layout.
    Raises:
        ConfigError: the device or the precision is not available.
    """
    prepare_process(site.threads)
    device = resolve_device(site.device)
    require_precision(device, site.precision)
    facts, batch = facts_of(study, dataset), study.recipe.batch_size
    assert facts is not None
    side = facts.image_size
    settings = network_settings(study, network)
    shape: dict[str, Any] = {"channels": facts.channels, "classes": facts.classes, "image_size": side}
    model = make_network(settings.reference, **shape, options=settings.options).to(device)
    if site.channels_last:
        model = model.to(memory_format=torch.channels_last)
    noise = np.random.default_rng(0)
    images = noise.integers(0, 256, (batch, facts.channels, side, side), dtype=np.uint8)
    labels = noise.integers(0, facts.classes, batch)
    augmentation = study.recipe.augmentation
    image_set = ImageSet(
        images,
        labels,
        (0.5,) * facts.channels,
        (0.5,) * facts.channels,
        crop_padding=augmentation.crop_padding,
        cutout=augmentation.cutout,
        classes=facts.classes,
        channels_last=site.channels_last,
        device=device,
    )
    draws = to_device(draw_epoch(batch, augmentation, torch_generator(0, "calibration")), device)
    step = TrainingStep(model, study.recipe, None, site.precision)
    take = GraphedStep(step, batch) if device.type == "cuda" else step  # as in training

    def call() -> None:
        take(*image_set.batch(draws, 0, batch), 1e-3)
        step.loss.item()  # synchronises with the device

    return call
