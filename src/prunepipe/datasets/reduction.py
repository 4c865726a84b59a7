"""Reduce a dataset for small studies: fewer images, fewer pixels."""

from __future__ import annotations

from itertools import product

import numpy as np

from prunepipe.errors import ConfigError

IMAGES_AT_ONCE = 1_000  # limits the float64 intermediate of the pooling


def balanced_first(labels: np.ndarray, classes: int, count: int, *, key: str) -> np.ndarray:
    """Return the positions of the first images of every class, in file order.

    Args:
        labels: int64 [N].
        classes: number of classes K.
        count: number of images; the remainder of count / K goes to the lowest classes.
        key: the config key that `count` comes from, for the message.
    Returns:
        int64 [count], ascending.
    Raises:
        ConfigError: fewer than one image per class, or more than a class holds.
    """
    if not classes <= count <= len(labels):
        bounds = f"at least one image a class ({classes}) and at most all ({len(labels)})"
        raise ConfigError(f"{key} = {count}: must be {bounds}.")
    share, rest = divmod(count, classes)
    chosen = []
    for label in range(classes):
        wanted = share + (label < rest)
        places = np.flatnonzero(labels == label)
        if len(places) < wanted:
            held = f"class {label} holds {len(places)} images, {wanted} are needed"
            raise ConfigError(f"{key} = {count}: {held} for a class-balanced choice; lower {key}.")
        chosen.append(places[:wanted])
    return np.sort(np.concatenate(chosen))


def mean_pool(images: np.ndarray, pool: int) -> np.ndarray:
    """Average every pool x pool square of pixels into one pixel.

    Args:
        images: uint8 [N, C, H, W].
        pool: side of the square; must divide H and W.
    Returns:
        uint8 [N, C, H / pool, W / pool]; means are rounded to the nearest integer, ties to even.
    Raises:
        ConfigError: `pool` is below 1 or does not divide the image.
    """
    count, channels, height, width = images.shape
    if pool < 1 or height % pool or width % pool:
        raise ConfigError(
            f"pool = {pool}: must be at least 1 and divide the image's {height} x {width} pixels."
        )
    if pool == 1:
        return images
    pooled = np.empty((count, channels, height // pool, width // pool), np.uint8)
    for start in range(0, count, IMAGES_AT_ONCE):
        part = images[start : start + IMAGES_AT_ONCE]
        total = np.zeros((len(part), *pooled.shape[1:]), np.uint32)
        for row, column in product(range(pool), repeat=2):  # faster than numpy's mean over short axes
            total += part[:, :, row::pool, column::pool]
        pooled[start : start + len(part)] = np.rint(total / pool**2)
    return pooled
