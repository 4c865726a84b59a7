"""Gradual magnitude pruning: remove the smallest weights step by step during training."""

from __future__ import annotations

from collections.abc import Mapping

from prunepipe.errors import ScoreError
from prunepipe.pruning.updaters.choosing import kept, largest
from prunepipe.pruning.updaters.contract import Allocate, Tensors


def gmp(weights: Tensors, gradients: None, mask: Tensors, *, density: float, allocate: Allocate) -> Tensors:
    """Keep the largest of the weights that are left; pruned weights never return.

    Args:
        weights: by name; |w| ranks them.
        gradients: not read.
        mask: True = kept so far.
        density: share of all weights to keep.
        allocate: distributes them over the layers; if rounding gives a layer one weight more than it has left, another
            layer keeps that one.
    Returns:
        A mask that keeps round(density x N) weights.
    Raises:
        ScoreError: the allocation gives a layer more weights than it has left.
    Source: Zhu, Gupta, "To prune, or not to prune", 2017, section 2.
    """
    sizes = {name: weight.abs() for name, weight in weights.items()}
    total = round(density * sum(layer.numel() for layer in mask.values()))
    left = {name: kept(layer) for name, layer in mask.items()}
    counts = _within(allocate(sizes, mask, total), left)
    return {name: largest(layer, mask[name], counts[name]) for name, layer in sizes.items()}


def _within(counts: Mapping[str, int], left: Mapping[str, int]) -> dict[str, int]:
    """Cap every layer's count at what it has left, and give the surplus to the first layers that have room."""
    for name, count in counts.items():
        if count > left[name] + 1:
            raise ScoreError(
                f"the allocation keeps {count:,} weights of layer '{name}', of which earlier updates left "
                f"{left[name]:,}; take one that shrinks every layer with the density, such as uniform_all or global."
            )
    given = {name: min(count, left[name]) for name, count in counts.items()}
    surplus = sum(counts.values()) - sum(given.values())
    for name in given:
        extra = min(surplus, left[name] - given[name])
        given[name] += extra
        surplus -= extra
    return given
