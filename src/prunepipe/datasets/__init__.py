"""Data sets: one loader each, one in-memory form, corruptions; `training.images` moves images to the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from prunepipe.datasets.dataset import Dataset, read_dataset, write_dataset
from prunepipe.datasets.reduction import balanced_first, mean_pool
from prunepipe.errors import ConfigError
from prunepipe.plugins import call, load_function
from prunepipe.seeds import seeded_globals

__all__ = ["Dataset", "prepare", "read_dataset", "write_dataset"]


def prepare(
    reference: str,
    folder: Path,
    *,
    pool: int = 1,
    train_images: int | None = None,
    test_images: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Load a dataset and, for small studies, reduce it.

    A reduced set takes the first images of each class in file order, class-balanced as far as the
    number allows, and keeps file order. (Tiny-ImageNet's files are sorted by class, so the first images of
    the whole file would cover few classes, and chance would differ from 1 / K.)
    The normalisation constants remain those of the full, unpooled dataset.

    Args:
        reference: its loader, "package.module:function" or "path/to/file.py:function".
        folder: the data folder, which the loader searches and downloads to.
        pool: side of the square of pixels that is averaged into one; 1 keeps the images.
        train_images: training images to keep; None keeps all.
        test_images: test images to keep; None keeps all.
        options: further keyword arguments of the loader.
    Returns:
        The dataset.
    Raises:
        ConfigError: the loader returns something else, or the sizes do not fit.
        ArtifactError: the loader found damaged files.
    """
    load_function(reference)
    with seeded_globals(0, "data set"):  # a loader has no seed: what it draws is the same each time
        dataset = call("data set", reference, folder, **(options or {}))
    if not isinstance(dataset, Dataset):
        found = type(dataset).__name__
        raise ConfigError(f"dataset '{reference}': its loader returned {found}, not a prunepipe.api.Dataset.")
    train, train_labels = dataset.train_images, dataset.train_labels
    test, test_labels = dataset.test_images, dataset.test_labels
    if train_images is not None:
        chosen = balanced_first(train_labels, dataset.classes, train_images, key="train_images")
        train, train_labels = train[chosen], train_labels[chosen]
    if test_images is not None:
        chosen = balanced_first(test_labels, dataset.classes, test_images, key="test_images")
        test, test_labels = test[chosen], test_labels[chosen]
    _require_every_class(reference, train_labels, dataset.classes)
    train, test = mean_pool(train, pool), mean_pool(test, pool)
    return replace(
        dataset, train_images=train, train_labels=train_labels, test_images=test, test_labels=test_labels
    )


def _require_every_class(reference: str, labels: np.ndarray, classes: int) -> None:
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if empty.size:
        raise ConfigError(
            f"dataset '{reference}': class {empty[0]} has no training image ({empty.size} of {classes} classes have "
            "none); number the labels from 0 without gaps, and set `classes` to their number."
        )
