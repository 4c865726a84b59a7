"""Allocations from later work that depend only on the layers' shapes.

Every function takes scores, which it does not read, the prunable layers, and the number of weights to keep in all; it
returns the number of weights to keep by layer.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from pydantic import Field

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Layer, Structure
from prunepipe.pruning.allocations.budget import check_budget
from prunepipe.pruning.allocations.rounding import round_to_total, share_proportionally, spill_forward
from prunepipe.pruning.masks import exact
from prunepipe.pruning.options import Options, checked


class UniformPlusOptions(Options):
    """Options of uniform-plus."""

    linear_minimum: float = Field(
        0.2, ge=0, le=1, description="least share of its weights that the last Linear layer keeps"
    )


def uniform_all(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep the same share of every layer, including Linear layers."""
    return _proportional(structure.layers, [layer.size for layer in structure.layers], kept_total)


def uniform_plus(
    scores: Arrays, structure: Structure, kept_total: int, *, linear_minimum: float = 0.2
) -> dict[str, int]:
    """Keep the first convolution dense, a minimum share of the last Linear layer, and the rest uniformly.

    Args:
        linear_minimum: minimum share that the last Linear layer keeps, in [0, 1].
    Raises:
        ConfigError: the two fixed layers use up the budget, or `linear_minimum` is impossible.
    Source: Gale, Elsen, Hooker, "The state of sparsity in deep neural networks", 2019, section 5.2.
    """
    checked(UniformPlusOptions, "allocation 'uniform_plus': ", {"linear_minimum": linear_minimum})
    convolutions = [layer for layer in structure.layers if layer.kind == "conv"]
    fixed = {layer.name: layer.size for layer in convolutions[:1]}
    last = [layer for layer in structure.layers if layer.kind == "linear"][-1:]
    room = structure.size - sum(fixed.values())
    for layer in last:
        least = ceil(exact(linear_minimum) * layer.size)
        # Fixed only if the uniform share would be smaller.
        if (kept_total - sum(fixed.values())) * layer.size < least * room:
            fixed[layer.name] = least
    free = [layer for layer in structure.layers if layer.name not in fixed]
    budget = kept_total - sum(fixed.values())
    described = " and ".join(f"'{name}' keeps {count:,}" for name, count in fixed.items())
    check_budget("uniform_plus", budget, kept_total, sum(layer.size for layer in free), described)
    kept = fixed | _proportional(free, [layer.size for layer in free], budget)
    return {layer.name: kept[layer.name] for layer in structure.layers}


def erk(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Erdos-Renyi kernel: a layer keeps weights in proportion to the sum of its weight's dimensions.

    Layers whose share exceeds their size stay dense, and the others share the rest, again in proportion.

    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery", ICML 2020, section 3.
    """
    return _proportional(structure.layers, [sum(layer.shape) for layer in structure.layers], kept_total)


def balanced(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep the same number of weights in every layer; smaller layers stay dense, and the others share the rest equally.

    Source: Gadhikar, Mukherjee, Burkholz, "Why random pruning is all we need to start sparse", ICML 2023.
    """
    return _proportional(structure.layers, [1] * len(structure.layers), kept_total)


def pyramidal(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Let the density fall by the same factor from layer to layer: layer l = 1..L keeps the share p^l.

    The total decides p; l counts the prunable layers in `modules()` order.

    Source: Gadhikar, Mukherjee, Burkholz, "Why random pruning is all we need to start sparse", ICML 2023.
    """
    sizes = [layer.size for layer in structure.layers]
    low, high = 0.0, 1.0  # p^l grows with p
    for _ in range(100):
        middle = (low + high) / 2
        few = sum(middle**depth * size for depth, size in enumerate(sizes, 1)) < kept_total
        low, high = (middle, high) if few else (low, middle)
    shares = [exact(high**depth) * size for depth, size in enumerate(sizes, 1)]
    scale = Fraction(kept_total) / sum(shares)  # 1 but for the last digits of p
    filled = spill_forward([share * scale for share in shares], sizes)
    counts = round_to_total(filled, kept_total)
    return {layer.name: count for layer, count in zip(structure.layers, counts, strict=True)}


def _proportional(layers: list[Layer] | tuple[Layer, ...], weights: list[int], total: int) -> dict[str, int]:
    shares = share_proportionally(weights, [layer.size for layer in layers], total)
    counts = round_to_total(shares, total)
    return {layer.name: count for layer, count in zip(layers, counts, strict=True)}
