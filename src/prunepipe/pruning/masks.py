"""Masks (bool arrays, True = kept): exact selection, validation, density and overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays, mismatch
from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.structure import Structure

TOO_MANY_TIES = 0.1
"""Share of values equal to the lowest, such as pruned weights, above which they are dropped before a partition: with
many ties, numpy's takes 20 times as long."""

ALWAYS_KEPT = float(np.finfo(np.float64).max)
"""The score of weights that a method always keeps and does not rank."""


def exact(number: float) -> Fraction:
    """Return the exact decimal value of a float as written: 0.1 is 1/10, not the nearest binary number."""
    return Fraction(str(float(number)))


def kept_total(size: int, prune_ratio: float) -> int:
    """Return floor(size * (1 - prune_ratio)), reading the ratio as an exact decimal.

    Args:
        size: number of prunable weights N.
        prune_ratio: share removed, in [0, 1).
    Raises:
        ConfigError: the prune ratio is outside [0, 1).
    """
    if not 0 <= prune_ratio < 1:
        raise ConfigError(f"prune_ratio is {prune_ratio}, must be at least 0 and below 1.")
    return floor(size * (1 - exact(prune_ratio)))


def require_budget(size: int, prune_ratio: float, place: str = "prune_ratio") -> None:
    """Raise an error if a prune ratio leaves no weight at all.

    Args:
        size: number of prunable weights N.
        prune_ratio: share removed, in [0, 1).
        place: what the message begins with: the key, and where it applies.
    Raises:
        ConfigError: the message names the largest prune ratio that keeps a weight, rounded down.
    """
    if kept_total(size, prune_ratio) == 0:
        digits = len(str(size))
        most = floor((1 - Fraction(1, size)) * 10**digits)
        raise ConfigError(
            f"{place}: {prune_ratio} keeps none of {size:,} prunable weights; lower it to 0.{most:0{digits}} or less."
        )


def require_room(scores: Arrays, total: int) -> None:
    """Raise an error if a method always keeps more weights than the budget allows.

    Raises:
        ScoreError: the message names both numbers.
    """
    wide = [layer for layer in scores.values() if layer.dtype == np.float64]  # float32 holds no such number
    always = sum(int((layer == ALWAYS_KEPT).sum()) for layer in wide)
    if always > total:
        raise ScoreError(
            f"the score leaves out {always:,} weights, which are kept (missing: keep), but only {total:,} are to be "
            "kept in all; score them too, or lower prune_ratio."
        )


def kept_after(size: int, density: float, progress: float) -> int:
    """Return how many weights iterative pruning has left after part of its rounds; every round removes the same share.

    Args:
        size: number of prunable weights N.
        density: share that remains after the last round.
        progress: share of the rounds completed, from 0 to 1.
    """
    return int(size * density**progress + 1e-6)


def select(scores: Arrays, kept: Mapping[str, int]) -> Arrays:
    """Keep exactly the given number of weights in each layer: those with the highest scores.

    Args:
        scores: one array per layer; ties go to the lowest flat index.
        kept: number of weights to keep, by layer.
    Returns:
        One bool array per layer, shaped like its scores.
    Raises:
        ScoreError: the layers differ, a score is NaN or +inf, or a layer has fewer candidates (scores above -inf)
            than it should keep.
    """
    for name in sorted(set(scores) ^ set(kept)):
        raise ScoreError(
            f"layer '{name}' is in only one of scores and allocation; both must name every layer."
        )
    return {name: _select_layer(name, layer, kept[name]) for name, layer in scores.items()}


def _select_layer(name: str, scores: np.ndarray, kept: int) -> np.ndarray:
    refuse_unusable(name, scores)
    flat = scores.ravel()
    if not 0 <= kept <= flat.size:
        raise ScoreError(
            f"layer '{name}' is to keep {kept:,} weights, must be between 0 and its size {flat.size:,}."
        )
    if kept == 0:
        return np.zeros(scores.shape, dtype=bool)
    threshold = lowest_kept(flat, kept)
    if np.isneginf(threshold):
        candidates = np.count_nonzero(flat > threshold)
        raise ScoreError(
            f"layer '{name}' is to keep {kept:,} weights, but earlier rounds of pruning left {candidates:,} "
            "candidates; use an allocation that shrinks every layer with the density."
        )
    mask: np.ndarray = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    mask[ties[: kept - np.count_nonzero(mask)]] = True
    return mask.reshape(scores.shape)


def lowest_kept(values: np.ndarray, kept: int) -> Any:
    """Return the lowest of the values that are kept, that is, the `kept`-th highest.

    Args:
        values: finite or -inf, of one dimension.
        kept: from 1 to their number.
    """
    while True:
        lowest = values.min()
        ties = np.count_nonzero(values == lowest)
        if values.size - ties < kept:
            return lowest
        if ties < TOO_MANY_TIES * values.size:
            cut = values.size - kept
            return np.partition(values, cut)[cut]
        values = values[values > lowest]


def refuse_unusable(name: str, scores: np.ndarray) -> None:
    """Raise an error if scores cannot be ranked.

    Raises:
        ScoreError: the layer holds NaN or +inf (-inf is allowed and means "not a candidate").
    """
    highest = scores.max(initial=-np.inf)  # the maximum of values with a NaN is NaN
    if not highest < np.inf:
        raise ScoreError(
            f"layer '{name}' has score {highest}; scores must be finite, or -inf for no candidate."
        )


def check_scores(scores: Arrays, structure: Structure) -> None:
    """Raise an error if scores do not fit the network.

    Raises:
        ScoreError: a layer is missing, unknown or of another shape.
    """
    problem = mismatch(scores, structure.shapes)
    if problem:
        raise ScoreError(f"scores {problem}.")


def density(mask: Arrays) -> float:
    """Return the share of weights that the whole mask keeps."""
    return sum(int(layer.sum()) for layer in mask.values()) / sum(layer.size for layer in mask.values())


@dataclass(frozen=True)
class Overlap:
    """The overlap of two masks.

    Attributes:
        jaccard: weights kept by both, divided by weights kept by either; 1 if neither keeps any.
        expected: the same, with the number kept by both replaced by its expectation if both masks kept their counts
            per layer at independent, uniformly random positions.
    """

    jaccard: float
    expected: float


def overlap(first: Arrays, second: Arrays) -> tuple[dict[str, Overlap], Overlap]:
    """Compare two masks, by layer and over all layers.

    Args:
        first: a mask.
        second: a mask of the same network.
    Returns:
        The overlap of each layer, and of the whole network.
    Raises:
        ScoreError: the masks are not of the same layers and shapes.
    """
    shapes = [{name: layer.shape for name, layer in mask.items()} for mask in (first, second)]
    if shapes[0] != shapes[1]:
        raise ScoreError(f"masks of different networks cannot be compared: {shapes[0]} and {shapes[1]}.")
    counts = {name: _counts(first[name], second[name]) for name in first}
    whole = np.sum(list(counts.values()), axis=0)
    return {name: _overlap(*count) for name, count in counts.items()}, _overlap(*whole)


def _counts(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return the number kept by both, its expectation under chance, and the sum of both counts."""
    kept = int(first.sum()), int(second.sum())
    both = np.count_nonzero(first & second)
    return float(both), kept[0] * kept[1] / max(first.size, 1), float(sum(kept))


def _overlap(both: float, chance: float, total: float) -> Overlap:
    if total == 0:
        return Overlap(1.0, 1.0)
    return Overlap(both / (total - both), chance / (total - chance))
