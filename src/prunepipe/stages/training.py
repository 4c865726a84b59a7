"""The stages that train: the dense run, and the retraining of a ticket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays, checksum, text_checksum
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.execution.devices import (
    device_name,
    explain_nondeterminism,
    explain_out_of_memory,
    prepare_process,
    require_precision,
    require_room,
    resolve_device,
)
from prunepipe.networks.state import load_arrays
from prunepipe.stages.describing import describe
from prunepipe.stages.execution import Execution
from prunepipe.stages.inputs import build, corrupted
from prunepipe.stages.outcome import Outcome, untrained
from prunepipe.stages.schemas.training import DenseSettings, RetrainSettings, TrainingSettings
from prunepipe.training.evaluation import scores_of
from prunepipe.training.images import ImageSet, padded_bytes
from prunepipe.training.loop import TrainingPlan, predict, refresh_statistics, train
from prunepipe.training.memory import activation_bytes
from prunepipe.training.reporting import epoch_reporter


def train_dense(data: str, weights: Arrays, settings: DenseSettings, execution: Execution) -> Outcome:
    """Train the unpruned network on one variant of the training data.

    Args:
        data: path of the prepared data set.
        weights: initial weights.
        settings: the settings from `dense_settings`.
        execution: device, threads, checkpoint.

    Returns:
        The outcome of training, with the weights at the rewind epochs.
    """
    dataset = read_dataset(data)
    images, labels = corrupted(dataset, settings.data.corruption, settings.seed)
    plan = TrainingPlan(
        recipe=settings.recipe,
        seed=settings.seed,
        purpose="dense",
        precision=settings.numerics.precision,
        snapshot_epochs=settings.rewind_epochs,
        shuffle=settings.data.shuffle,
    )
    return train_on(dataset, (images, labels), weights, None, plan, settings, execution)


def retrain(
    data: str, weights: Arrays, mask: Arrays, settings: RetrainSettings, execution: Execution
) -> Outcome:
    """Retrain a ticket on the full clean training data; a collapsed one is not trained unless the settings say so.

    Args:
        data: path of the prepared data set.
        weights, mask: the ticket.
        settings: the settings from `retrain_settings`.
        execution: device, threads, checkpoint.

    Returns:
        The outcome of training, with a description of the mask.
    """
    dataset = read_dataset(data)
    prepare_process(execution.threads, execution.deterministic)
    shape = describe(mask, build(dataset, settings.network, settings.seed), dataset.train_images.shape[1:])
    if shape["collapsed"] and not settings.train_collapsed:
        return untrained(weights, shape)
    plan = TrainingPlan(
        recipe=settings.recipe,
        seed=settings.seed,
        purpose="retrain",
        precision=settings.numerics.precision,
        first_epoch=settings.first_epoch,
        refresh_batch_norm=settings.refresh_batch_norm,
    )
    clean = dataset.train_images, dataset.train_labels
    return replace(train_on(dataset, clean, weights, mask, plan, settings, execution), shape=shape)


def train_on(
    dataset: Dataset,
    training_data: tuple[np.ndarray, np.ndarray],
    weights: Arrays,
    mask: Mapping[str, np.ndarray] | None,
    plan: TrainingPlan,
    settings: TrainingSettings,
    execution: Execution,
) -> Outcome:
    """Train a network on given images, and test it on the clean test set.

    Args:
        dataset: the prepared data set.
        training_data: images and labels to train on, clean or changed by a check.
        weights: where training starts.
        mask: True = kept; None: a dense network.
        plan: how to train.
        settings: network, recipe and numerics; all of them identify the checkpoint.
        execution: device, threads, checkpoint.
    """
    prepare_process(execution.threads, execution.deterministic)
    device = resolve_device(execution.device)
    require_precision(device, plan.precision)
    identity = {
        **_inputs(training_data, weights, mask),
        "settings": settings.model_dump(mode="json"),
        "device": device.type,
        "deterministic": execution.deterministic,
    }
    with explain_out_of_memory(device, plan.recipe.batch_size), explain_nondeterminism():
        network, training_set, test_set = _on_device(dataset, training_data, weights, settings, device)
        _require_room_for_step(network, training_set, plan, dataset.train_images.shape[1:])
        before = _scores_before(network, training_set, test_set, plan) if mask else {}
        started = time.process_time()
        end = train(
            network,
            training_set,
            test_set,
            plan,
            mask=mask,
            checkpoint=execution.checkpoint_of(identity),
            after_epoch=epoch_reporter(plan.recipe.epochs, execution.watchers()),
        )
        # The checkpoint of a finished run holds no logits.
        logits = _logits(network, test_set, plan.precision) if end.logits is None else end.logits
    facts = _facts(device, execution, identity, time.process_time() - started)
    facts["images"] = len(training_set) * len(end.history)
    return Outcome(
        end.weights, end.history, logits, end.seconds, facts, end.snapshots, mask=end.mask, before=before
    )


def _inputs(
    training_data: tuple[np.ndarray, np.ndarray], weights: Arrays, mask: Mapping[str, np.ndarray] | None
) -> dict[str, str | None]:
    """Return the checksums of what a run starts from."""
    return {
        "data": checksum({"images": training_data[0], "labels": training_data[1]}),
        "start weights": checksum(weights),
        "mask": checksum(mask) if mask else None,
    }


def _facts(
    device: torch.device, execution: Execution, identity: Mapping[str, Any], cpu_seconds: float
) -> dict[str, Any]:
    """Return the record of how a run was made; the CPU time of a resumed run is that of its last process."""
    return {
        "device": device_name(device),
        "deterministic": execution.deterministic,
        "torch": torch.__version__,
        "threads": execution.threads,
        "start": text_checksum([identity[name] for name in ("start weights", "mask", "data")]),
        "cpu_seconds": round(cpu_seconds, 3),
    }


def _scores_before(
    network: nn.Module, training_set: ImageSet, test_set: ImageSet, plan: TrainingPlan
) -> dict[str, float | None]:
    """Evaluate a ticket before it is trained."""
    if plan.refresh_batch_norm:
        refresh_statistics(network, training_set, plan)
    return scores_of(_logits(network, test_set, plan.precision), test_set.labels.cpu().numpy())


def _logits(network: nn.Module, test_set: ImageSet, precision: str) -> np.ndarray:
    return predict(network, test_set, precision).cpu().numpy()


def _require_room_for_step(
    network: nn.Module, training_set: ImageSet, plan: TrainingPlan, image_shape: tuple[int, ...]
) -> None:
    per_image = activation_bytes(network, image_shape, plan.precision)
    batch_size = plan.recipe.batch_size
    require_room(
        training_set.device,
        min(batch_size, len(training_set)) * per_image,
        f"a training step of {batch_size} images takes at least",
        f"lower recipe.batch_size = {batch_size} or image_size, or run fewer jobs at a time",
    )


def _on_device(
    dataset: Dataset,
    training_data: tuple[np.ndarray, np.ndarray],
    weights: Arrays,
    settings: TrainingSettings,
    device: torch.device,
) -> tuple[nn.Module, ImageSet, ImageSet]:
    """Return the network with its weights, the training images and the test images, all on the device."""
    channels_last, varied = settings.numerics.channels_last, settings.recipe.augmentation
    size = padded_bytes(training_data[0], varied.crop_padding) + padded_bytes(dataset.test_images, 0)
    remedy = "lower datasets.NAME.train_images or image_size, raise pool, or run fewer jobs at a time"
    require_room(device, size, "the images of the data set take", remedy)
    network = build(dataset, settings.network, settings.seed)
    load_arrays(network, weights)
    network.to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    image_set = partial(
        ImageSet,
        mean=dataset.mean,
        std=dataset.std,
        classes=dataset.classes,
        channels_last=channels_last,
        device=device,
    )
    training_set = image_set(*training_data, crop_padding=varied.crop_padding, cutout=varied.cutout)
    return network, training_set, image_set(dataset.test_images, dataset.test_labels)
