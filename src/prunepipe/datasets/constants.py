"""Measure the normalisation constants of a data set without published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prunepipe.errors import ConfigError

LEVELS = 256


def measured_constants(images: np.ndarray, source: Path | str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel over all pixels, scaled to 0 .. 1.

    Args:
        images: uint8 [N, C, H, W], the training split.
        source: where they come from, for the message.
    Raises:
        ConfigError: a channel has the same value in every pixel, so that it cannot be normalised.
    """
    counts = np.array([_histogram(images[:, channel]) for channel in range(images.shape[1])])  # [C, 256]
    levels = np.arange(LEVELS) / (LEVELS - 1)
    total = counts.sum(axis=1)
    mean = counts @ levels / total
    variance = (counts * (levels - mean[:, None]) ** 2).sum(axis=1) / total
    constant = np.flatnonzero((counts > 0).sum(axis=1) == 1)
    if constant.size:
        raise ConfigError(
            f"{source}: every training image has the same value everywhere in channel {constant[0]}; "
            "leave such images out."
        )
    return tuple(mean.tolist()), tuple(np.sqrt(variance).tolist())


def _histogram(values: np.ndarray) -> np.ndarray:
    """Count the 256 levels of uint8 values image by image, since bincount needs eight bytes per value."""
    counts = np.zeros(LEVELS, np.int64)
    for start in range(0, len(values), 1_000):
        counts += np.bincount(values[start : start + 1_000].ravel(), minlength=LEVELS)
    return counts
