"""What is known of the built-in data sets before any is read: for budgets and cost plans."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Shape of a data set.

    Attributes:
        channels, image_size: of its images (side in pixels).
        classes: number of classes.
        train_images, test_images: how many there are.
        train_class, test_class: how many of them the smallest class holds.
    """

    channels: int
    image_size: int
    classes: int
    train_images: int
    test_images: int
    train_class: int
    test_class: int


FACTS: dict[str, Facts] = {
    "digits": Facts(1, 8, 10, 898, 899, 87, 87),
    "fashion_mnist": Facts(1, 28, 10, 60_000, 10_000, 6000, 1000),
    "cifar10": Facts(3, 32, 10, 50_000, 10_000, 5000, 1000),
    "cifar100": Facts(3, 32, 100, 50_000, 10_000, 500, 100),
    "tiny_imagenet": Facts(3, 64, 200, 100_000, 10_000, 500, 50),
}
