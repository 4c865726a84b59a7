"""Stages that train: the dense run and the retraining of a ticket."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.devices import device_name, prepare_process, resolve_device
from prunepipe.images import ImageSet
from prunepipe.pipeline.inputs import Settings, build, corrupted
from prunepipe.pipeline.outcome import Outcome
from prunepipe.recipe import Recipe
from prunepipe.reporting import epoch_reporter
from prunepipe.state import load_arrays
from prunepipe.structure import Arrays
from prunepipe.training import Plan, Progress, predict, train


def train_dense(data: str, weights: Arrays, settings: Settings, device: str, threads: int) -> Outcome:
    """Train the unpruned network on one variant of the training data.

    Args:
        data: path of the prepared data set.
        weights: initial weights.
        settings: of `dense_settings`.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads.

    Returns:
        Where training ended, with the weights at the rewind epochs.
    """
    dataset = read_dataset(data)
    images, labels = corrupted(dataset, settings["data"]["corruption"], settings["seed"])
    plan = Plan(
        recipe=Recipe.model_validate(settings["recipe"], strict=False),
        seed=settings["seed"],
        purpose="dense",
        precision=settings["precision"],
        snapshot_epochs=settings["rewind_epochs"],
        shuffle=settings["data"]["shuffle"],
    )
    return _run(dataset, images, labels, weights, None, plan, settings, device, threads)


def retrain(
    data: str, weights: Arrays, mask: Arrays, settings: Settings, device: str, threads: int
) -> Outcome:
    """Retrain a ticket, always on the full clean training data.

    Args:
        data: path of the prepared data set.
        weights, mask: the ticket.
        settings: of `retrain_settings`.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads.

    Returns:
        Where training ended.
    """
    dataset = read_dataset(data)
    plan = Plan(
        recipe=Recipe.model_validate(settings["recipe"], strict=False),
        seed=settings["seed"],
        purpose="retrain",
        precision=settings["precision"],
        first_epoch=settings["first_epoch"],
    )
    images, labels = dataset.train_images, dataset.train_labels
    return _run(dataset, images, labels, weights, mask, plan, settings, device, threads)


def _run(
    dataset: Dataset,
    images: np.ndarray,
    labels: np.ndarray,
    weights: Arrays,
    mask: Mapping[str, np.ndarray] | None,
    plan: Plan,
    settings: Settings,
    device: str,
    threads: int,
) -> Outcome:
    prepare_process(threads)
    place = resolve_device(device)
    network = build(dataset, settings)
    load_arrays(network, weights)
    network.to(place)
    padding = plan.recipe.augmentation.crop_padding
    training_set = ImageSet(images, labels, dataset.mean, dataset.std, crop_padding=padding, device=place)
    test_set = ImageSet(dataset.test_images, dataset.test_labels, dataset.mean, dataset.std, device=place)
    report = epoch_reporter(plan.recipe.epochs, plan.first_epoch)
    seconds: list[float] = []

    def after_epoch(progress: Progress, duration: float) -> None:
        seconds.append(duration)
        report(progress.history[-1], duration)

    progress = train(network, training_set, test_set, plan, mask=mask, after_epoch=after_epoch)
    logits = predict(network, test_set, plan.precision).cpu().numpy()
    facts = {"device": device_name(place), "torch": torch.__version__, "threads": threads}
    return Outcome(progress.weights, progress.history, logits, seconds, facts, progress.snapshots)
