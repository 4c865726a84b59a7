"""The stage that scores a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ScoreError
from prunepipe.execution.devices import prepare_process, resolve_device
from prunepipe.networks.state import load_arrays
from prunepipe.networks.structure import Structure, read_structure
from prunepipe.plugins import is_external, load_function
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.rounds import balanced_batches, blank_batches, score_network
from prunepipe.pruning.scores.contract import Batch, Batches
from prunepipe.seeds import torch_generator
from prunepipe.stages.allocating import allocate
from prunepipe.stages.execution import Execution
from prunepipe.stages.inputs import build, corrupted
from prunepipe.stages.schemas.scoring import AllocationSettings, NoImages, ScoreSettings, TrainingSet
from prunepipe.study.recipe import Augmentation
from prunepipe.training.images import ImageSet, draw_epoch


def score(
    data: str, structure: str, weights: Arrays, settings: ScoreSettings, execution: Execution
) -> Arrays:
    """Score every prunable weight.

    Args:
        data: path of the prepared data set.
        structure: path of the network's structure.
        weights: the weights that are scored.
        settings: of `score_settings`.
        execution: device and threads.

    Returns:
        Scores by layer; -inf where an earlier round pruned.
    """
    prepare_process(execution.threads, execution.deterministic)
    device = resolve_device(execution.device)
    dataset = read_dataset(data)
    network = build(dataset, settings.network)
    load_arrays(network, weights)
    layers = read_structure(structure)
    ratio = settings.ratio
    kept = None if ratio is None else kept_total(layers.size, ratio.prune_ratio)
    function = load_function(settings.score)
    return score_network(
        network.to(device),
        function,
        _Moved(_batches(dataset, settings), device),
        F.cross_entropy,
        generator=torch_generator(settings.seed, "score"),
        options={**_asked(settings, function, kept, layers.size), **settings.options},
        rounds=ratio.rounds if ratio else 1,
        density=None if kept is None else kept / layers.size,
        allocate=partial(_allocate, ratio.allocation, layers) if ratio else None,
        title=f"score {settings.score}",
        constructive=ratio is not None and ratio.constructive,
        check_determinism=is_external(settings.score) and execution.deterministic,
    )


def _asked(
    settings: ScoreSettings, function: Callable[..., Any], kept: int | None, size: int
) -> dict[str, Any]:
    """Return what a score's signature asks for of the prune ratio: density, kept_total."""
    names = {"density", "kept_total"}.intersection(inspect.signature(function).parameters)
    if names and kept is None and not names <= settings.options.keys():
        raise ScoreError(
            f"score {settings.score}: asks for {' and '.join(sorted(names))}, which differ between prune "
            "ratios; say `per_prune_ratio: true` in its ticket (or `allocation: constructed`, if it returns a mask)."
        )
    told = {} if kept is None else {"density": kept / size, "kept_total": kept}
    return {name: told[name] for name in names & told.keys()}


def _allocate(
    allocation: AllocationSettings, structure: Structure, scores: Arrays, total: int
) -> dict[str, int]:
    return allocate(allocation.reference, scores, structure, total, allocation.options)


def _batches(dataset: Dataset, settings: ScoreSettings) -> Batches:
    """Return the batches that a score reads: one blank image, a few images a class, or the training set."""
    read, seed = settings.images, settings.seed
    if isinstance(read, NoImages):
        return blank_batches(*dataset.train_images.shape[1:])
    images, labels = corrupted(dataset, read.corruption, seed)
    if isinstance(read, TrainingSet):
        image_set = ImageSet(images, labels, dataset.mean, dataset.std, device=torch.device("cpu"))
        return _Plain(image_set, read.batch_size)
    return balanced_batches(
        images,
        labels,
        read.images_per_class,
        read.batches,
        dataset.classes,
        partial(_augmented, dataset, read.augmentation, torch_generator(seed, "score augmentation")),
        generator=torch_generator(seed, "score images"),
    )


def _augmented(
    dataset: Dataset, augmentation: Augmentation, generator: torch.Generator, images: torch.Tensor
) -> torch.Tensor:
    count = len(images)
    padding = augmentation.crop_padding
    chosen = ImageSet(
        images.numpy(),
        np.zeros(count, np.int64),
        dataset.mean,
        dataset.std,
        crop_padding=padding,
        device=torch.device("cpu"),
    )
    return chosen.batch(draw_epoch(count, augmentation, generator, shuffle=False), 0, count)[0]


class _Plain:
    """The training set in file order, without augmentation, batch by batch; can be read again."""

    def __init__(self, images: ImageSet, size: int) -> None:
        self._images = images
        self._size = size

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self._images), self._size):
            yield self._images.plain(start, start + self._size)


class _Moved:
    """Batches on a device; can be read again."""

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self._batches = batches
        self._device = device

    def __iter__(self) -> Iterator[Batch]:
        return ((images.to(self._device), labels.to(self._device)) for images, labels in self._batches)
