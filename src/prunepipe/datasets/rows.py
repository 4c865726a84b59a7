"""The built-in data sets, each described before it is read: for budgets, cost plans and labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """The shape of a data set.

    Attributes:
        channels, image_size: channels and side in pixels of its images.
        classes: number of classes.
        train_images, test_images: number of images.
        train_class, test_class: number of images in the smallest class.
    """

    channels: int
    image_size: int
    classes: int
    train_images: int
    test_images: int
    train_class: int
    test_class: int


@dataclass(frozen=True)
class DatasetRow:
    """Describes a data set before it is loaded.

    Attributes:
        function: "module:loader", a loader `load(folder: Path) -> Dataset`; the folder is the config's `data_folder`.
        facts: its shape; None if unknown, in which case costs and budgets are unknown before it is loaded.
        label: its name in tables and figures; default: its key.
    """

    function: str
    facts: Facts | None = None
    label: str = ""


DATASETS: dict[str, DatasetRow] = {
    "digits": DatasetRow("prunepipe.datasets.digits:load", Facts(1, 8, 10, 898, 899, 87, 87), label="Digits"),
    "fashion_mnist": DatasetRow(
        "prunepipe.datasets.fashion_mnist:load",
        Facts(1, 28, 10, 60_000, 10_000, 6000, 1000),
        label="Fashion-MNIST",
    ),
    "cifar10": DatasetRow(
        "prunepipe.datasets.cifar:cifar10", Facts(3, 32, 10, 50_000, 10_000, 5000, 1000), label="CIFAR-10"
    ),
    "cifar100": DatasetRow(
        "prunepipe.datasets.cifar:cifar100", Facts(3, 32, 100, 50_000, 10_000, 500, 100), label="CIFAR-100"
    ),
    "tiny_imagenet": DatasetRow(
        "prunepipe.datasets.tiny_imagenet:load",
        Facts(3, 64, 200, 100_000, 10_000, 500, 50),
        label="Tiny-ImageNet",
    ),
}
"""The built-in data sets; a study also takes "module:loader" and the rows that packages register."""

IMAGE_FOLDER = "prunepipe.datasets.image_folder:load"
"""Loader of `folder: path/to/root`."""
ARRAY_FILE = "prunepipe.datasets.array_file:load"
"""Loader of `arrays: path/to/file`."""
ARRAY_SUFFIXES = (".npz", ".safetensors")
