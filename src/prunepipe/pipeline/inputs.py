"""What several stages start from: the network of the settings, and the training data behind a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from prunepipe.datasets.dataset import Dataset
from prunepipe.networks.building import make_network
from prunepipe.plugins import load_function
from prunepipe.seeds import numpy_generator

Settings = dict[str, Any]
"""What a stage is told, as in `prunepipe.pipeline.settings`."""


def corrupted(dataset: Dataset, corruption: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training images and labels behind a mask, as the data check leaves them."""
    if corruption is None:
        return dataset.train_images, dataset.train_labels
    generator = numpy_generator(seed, "data check")
    change = load_function(corruption)
    images, labels = change(dataset.train_images, dataset.train_labels, dataset.classes, generator=generator)
    return images, labels


def build(dataset: Dataset, settings: Settings) -> nn.Module:
    """Build the network of the settings for a data set."""
    channels, image_size = dataset.train_images.shape[1:3]
    return make_network(
        settings["network"]["reference"],
        channels=channels,
        classes=dataset.classes,
        image_size=image_size,
        options=settings["network"]["options"],
    )
