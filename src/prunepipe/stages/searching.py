"""The stage that trains a ticket on the way to its mask: a cycle of iterative pruning, or a mask that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.execution.devices import prepare_process
from prunepipe.networks.state import array_of
from prunepipe.networks.structure import Structure, read_structure
from prunepipe.plugins import is_external, load_function
from prunepipe.pruning.checks import apply_mask
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.updaters.densities import DENSITIES, update_steps
from prunepipe.pruning.updaters.enforcing import Updater
from prunepipe.stages.allocating import allocate
from prunepipe.stages.describing import describe
from prunepipe.stages.execution import Execution
from prunepipe.stages.inputs import build, corrupted
from prunepipe.stages.outcome import Outcome, untrained
from prunepipe.stages.schemas.training import MovingSettings, SearchSettings
from prunepipe.stages.training import train_on
from prunepipe.study.batches import batch_bounds
from prunepipe.training.loop import TrainingPlan
from prunepipe.training.moving import MovingMask


def search(
    data: str, structure: str, weights: Arrays, mask: Arrays, settings: SearchSettings, execution: Execution
) -> Outcome:
    """Train a ticket on the way to its mask, on one variant of the training data.

    Args:
        data: path of the prepared data set.
        structure: path of the network's structure.
        weights: the initial weights.
        mask: the initial mask, True = kept; pruned weights are set to zero. Empty: all weights are kept.
        settings: the settings from `search_settings`.
        execution: device, threads, checkpoint.

    Returns:
        The outcome of training, with the mask that it ended with and its description.
    """
    dataset, layers = read_dataset(data), read_structure(structure)
    prepare_process(execution.threads, execution.deterministic)
    mask = mask or {layer.name: np.ones(layer.shape, dtype=bool) for layer in layers.layers}
    weights = apply_mask(weights, mask)
    if settings.moving is None:
        shape = _described(dataset, mask, settings)
        if shape["collapsed"] and not settings.train_collapsed:
            return replace(untrained(weights, shape), mask=mask)
    images, labels = corrupted(dataset, settings.data.corruption, settings.seed)
    steps = settings.recipe.epochs * len(batch_bounds(len(images), settings.recipe.batch_size))
    plan = TrainingPlan(
        recipe=settings.recipe,
        seed=settings.seed,
        purpose="search"
        if settings.moving
        else "retrain",  # a cycle trains as a cell of its prune ratio would
        precision=settings.numerics.precision,
        first_epoch=settings.first_epoch,
        refresh_batch_norm=settings.refresh_batch_norm,
        shuffle=settings.data.shuffle,
        moving=None
        if settings.moving is None
        else _moving(settings, settings.moving, layers, steps, execution),
    )
    outcome = train_on(dataset, (images, labels), weights, mask, plan, settings, execution)
    mask = outcome.mask or mask
    return replace(outcome, mask=mask, shape=_described(dataset, mask, settings))


def _described(dataset: Dataset, mask: Arrays, settings: SearchSettings) -> dict[str, object]:
    network = build(dataset, settings.network, settings.seed)
    return describe(mask, network, dataset.train_images.shape[1:])


def _moving(
    search: SearchSettings,
    settings: MovingSettings,
    structure: Structure,
    training_steps: int,
    execution: Execution,
) -> MovingMask:
    updater = Updater(
        load_function(settings.updater),
        f"updater {settings.updater}",
        settings.options,
        gradients=settings.gradients,
        external=is_external(settings.updater),
        time_limit=execution.score_time_limit,
    )
    size = structure.size
    return MovingMask(
        updater,
        every=settings.every,
        steps=update_steps(settings.until, training_steps),
        kept_at=partial(DENSITIES[settings.densities], size, kept_total(size, settings.prune_ratio)),
        allocate=partial(_allocate, settings, structure),
        seed=search.seed,
    )


def _allocate(
    settings: MovingSettings,
    structure: Structure,
    scores: Mapping[str, Tensor],
    mask: Mapping[str, Tensor],
    total: int,
) -> dict[str, int]:
    read = scores if settings.allocation_reads_scores else {}
    arrays = {name: array_of(layer.where(mask[name], -torch.inf)) for name, layer in read.items()}
    return allocate(settings.allocation.reference, arrays, structure, total, settings.allocation.options)
