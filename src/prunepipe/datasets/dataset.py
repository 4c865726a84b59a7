"""The in-memory form of every dataset: its invariants, and how to read and write it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays, checksum, read_arrays, write_arrays
from prunepipe.errors import ArtifactError, remake

ARRAY_NAMES = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels as read from the files, before any augmentation or normalisation.

    Attributes:
        train_images: uint8 [N, C, H, W], in file order.
        train_labels: int64 [N], each in 0 .. classes - 1.
        test_images: uint8 [M, C, H, W].
        test_labels: int64 [M].
        classes: number of classes K.
        mean: per channel, of pixels scaled to 0 .. 1.
        std: per channel, of pixels scaled to 0 .. 1.
    Raises:
        ArtifactError: an attribute violates one of these rules.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        # Loaders often count and average with numpy, whose scalars no JSON holds.
        object.__setattr__(self, "classes", _whole(self.classes))
        for name in ("mean", "std"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        _require_split("train", self.train_images, self.train_labels, self.classes)
        _require_split("test", self.test_images, self.test_labels, self.classes)
        train, test = self.train_images.shape[1:], self.test_images.shape[1:]
        if train != test:
            raise ArtifactError(f"dataset: train_images are {train} (C, H, W) but test_images {test}.")
        _require_constants(self.mean, self.std, channels=train[0])

    def arrays(self) -> Arrays:
        """Return the four arrays by name, for files and checksums."""
        return {name: getattr(self, name) for name in ARRAY_NAMES}


def write_dataset(path: Path | str, dataset: Dataset, name: str) -> None:
    """Write a dataset as one safetensors file, atomically.

    Args:
        path: the file to write.
        dataset: the dataset to write.
        name: the dataset's name in the study, stored in the file's metadata.
    """
    arrays = dataset.arrays()
    write_arrays(
        path,
        arrays,
        kind="dataset",
        name=name,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        checksum=checksum(arrays),
    )


def read_dataset(path: Path | str) -> Dataset:
    """Read what `write_dataset` wrote.

    Raises:
        ArtifactError: the file is missing, truncated, not a dataset, or changed since it was written.
    """
    arrays, metadata = read_arrays(path)
    expected = {"kind", "name", "classes", "mean", "std", "checksum"}
    if set(arrays) != set(ARRAY_NAMES) or not expected <= set(metadata):
        found = ", ".join(sorted(arrays)[:4])
        raise ArtifactError(f"{path}: not a dataset file (its arrays: {found}). {remake(path)}")
    try:
        values: dict[str, Any] = {**arrays, **{name: metadata[name] for name in ("classes", "mean", "std")}}
        return Dataset(**values)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error} {remake(path)}") from error


def _require_split(split: str, images: np.ndarray, labels: np.ndarray, classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        found = f"{images.dtype} {list(images.shape)}"
        raise ArtifactError(f"dataset: {split}_images are {found}; expected uint8 [N, C, H, W], N > 0.")
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        found = f"{labels.dtype} {list(labels.shape)}"
        raise ArtifactError(f"dataset: {split}_labels are {found}; expected int64 [{len(images)}].")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= classes:
        bounds = f"{lowest} .. {highest}; expected 0 .. {classes - 1}"
        raise ArtifactError(f"dataset: {split}_labels span {bounds} (classes = {classes}).")


def _whole(classes: Any) -> int:
    try:
        return index(classes)
    except TypeError as error:
        raise ArtifactError(
            f"dataset: classes is {classes!r}; expected a whole number, such as 10."
        ) from error


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"dataset: {name} is {values!r}; expected a tuple of numbers, one per channel."
        ) from error


def _require_constants(mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> None:
    for name, values in {"mean": mean, "std": std}.items():
        if len(values) != channels or not all(isfinite(value) for value in values):
            raise ArtifactError(
                f"dataset: {name} is {values}; expected {channels} finite numbers, one per channel."
            )
    if min(std) <= 0:
        raise ArtifactError(f"dataset: std is {std}; every channel's must be above 0.")
