"""Corrupt or reduce training data, for the checks that test whether a mask depends on its data.

Every corruption is `f(images, labels, classes, *, generator) -> (images, labels)` with images uint8
[N, C, H, W] and labels int64 [N]. It is drawn once, before training, and only for the data that the mask is
made from: retraining and testing see the clean data. Nothing is changed in place.
"""

from __future__ import annotations

import numpy as np

from prunepipe.errors import ConfigError

Data = tuple[np.ndarray, np.ndarray]
"""Images uint8 [N, C, H, W] and labels int64 [N]."""

REFERENCE_BATCH = 64


def random_labels(
    images: np.ndarray, labels: np.ndarray, classes: int, *, generator: np.random.Generator
) -> Data:
    """Redraw every label uniformly from all classes; it may equal the true one by chance.

    Args:
        images: uint8 [N, C, H, W]; returned unchanged.
        labels: int64 [N].
        classes: number of classes K.
        generator: draws the labels.
    Returns:
        The images and new labels.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020.
    """
    return images, generator.integers(classes, size=len(labels), dtype=np.int64)


def random_pixels(
    images: np.ndarray, labels: np.ndarray, classes: int, *, generator: np.random.Generator
) -> Data:
    """Shuffle all C * H * W values of every image, with a separate permutation for each image.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N]; returned unchanged.
        classes: not used.
        generator: draws the permutations.
    Returns:
        New images, each with the original values in random order, and the labels.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020.
    """
    rows = images.reshape(len(images), -1)  # [N, C * H * W]
    return generator.permuted(rows, axis=1).reshape(images.shape), labels


def corrupted_data(
    images: np.ndarray, labels: np.ndarray, classes: int, *, generator: np.random.Generator
) -> Data:
    """Apply `random_labels` and then `random_pixels`, both drawn from one generator in this order.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        classes: number of classes K.
        generator: draws labels and permutations.
    Returns:
        New images and new labels.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020.
    """
    images, labels = random_labels(images, labels, classes, generator=generator)
    return random_pixels(images, labels, classes, generator=generator)


def half_dataset(
    images: np.ndarray, labels: np.ndarray, classes: int, *, generator: np.random.Generator
) -> Data:
    """Keep a random, class-balanced half, which changes only the amount of data.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        classes: not used; the classes are read from the labels.
        generator: draws the choice and the order.
    Returns:
        N // 2 distinct images in random order with their labels; n / 2, rounded up or down, of a
        class with n images.
    Raises:
        ConfigError: fewer than four images, of which less than two would be left to train on.
    """
    _require_images(len(labels), "half_dataset", least=4)
    order = generator.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]  # random order within a class
    chosen = generator.permutation(by_class[1::2])  # every second image of every class
    return images[chosen], labels[chosen]


def first_half(
    images: np.ndarray, labels: np.ndarray, classes: int, *, generator: np.random.Generator
) -> Data:
    """Keep the first half in file order, in whole batches of 64; training does not shuffle it.

    This is the reference's half dataset: the first 390 batches (24,960 images) of CIFAR's 50,000, read
    in the same order in every epoch. If the files are sorted by class (Tiny-ImageNet), it holds
    only the first half of the classes.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        classes: not used.
        generator: not used.
    Returns:
        The first floor(N / 2 / 64) * 64 images and labels.
    Raises:
        ConfigError: half of the images do not fill one batch.
    Source: behaviour of the reference implementation of Su et al., NeurIPS 2020.
    """
    kept = len(labels) // 2 // REFERENCE_BATCH * REFERENCE_BATCH
    _require_images(len(labels), "first_half", least=2 * REFERENCE_BATCH)
    return images[:kept].copy(), labels[:kept].copy()


def _require_images(count: int, variant: str, least: int) -> None:
    if count < least:
        remedy = "raise train_images or choose another check"
        raise ConfigError(f"{variant}: {count} training images are too few, it needs {least}; {remedy}.")
