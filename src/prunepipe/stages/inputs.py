"""Inputs that several stages share: the network, and the training data that a mask is made from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset
from prunepipe.errors import ArtifactError, ScoreError
from prunepipe.networks.building import make_network
from prunepipe.networks.choice import PrunableChoice
from prunepipe.plugins import is_external, load_function
from prunepipe.seeds import numpy_generator
from prunepipe.stages.own_calls import call_repeatably, seed_of
from prunepipe.stages.schemas.network import NetworkSettings


def corrupted(dataset: Dataset, corruption: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training images and labels that a mask is made from, after the data check."""
    if corruption is None:
        return dataset.train_images, dataset.train_labels
    generator = numpy_generator(seed, "data check")
    images, labels = dataset.train_images, dataset.train_labels
    if not is_external(corruption):
        changed: tuple[np.ndarray, np.ndarray] = load_function(corruption)(
            images, labels, dataset.classes, generator=generator
        )
        return changed
    # A copy, so that a function that works in place does not change the data that tickets are retrained on.
    answer = call_repeatably(
        "data check",
        corruption,
        lambda: (images.copy(), labels.copy(), dataset.classes),
        partial(_training_data, corruption, dataset),
        seed=seed_of(generator),
        generator=generator,
    )
    return answer["images"], answer["labels"]


def _training_data(check: str, dataset: Dataset, changed: Any) -> Arrays:
    """Return the "images" and "labels" that a user's data check made, if they fit the data set that it was given."""
    if not isinstance(changed, tuple) or len(changed) != 2:
        raise ScoreError(
            f"data check {check}: must return (images, labels), returned {type(changed).__name__}."
        )
    images, labels = changed
    try:
        replace(dataset, train_images=images, train_labels=labels)  # a data set checks its own form
    except (ArtifactError, AttributeError) as error:  # AttributeError: not an array at all
        raise ScoreError(f"data check {check}: {error}") from error
    return {"images": images, "labels": labels}


def build(dataset: Dataset, network: NetworkSettings, seed: int, draw: str = "init") -> nn.Module:
    """Build a network for a data set, with the initial weights that its constructor draws."""
    channels, height, width = dataset.train_images.shape[1:]
    return make_network(
        network.reference,
        channels=channels,
        classes=dataset.classes,
        # One number for square images, a pair for others: a builder that expects squares fails instead of being wrong.
        image_size=height if height == width else (height, width),
        options=network.options,
        seed=seed,
        draw=draw,
        choice=PrunableChoice(**network.prunable),
    )
