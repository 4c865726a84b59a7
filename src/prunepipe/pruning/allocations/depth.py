"""Smart ratio and its ablations: a layer's share depends only on its depth; no score is read.

Layers are numbered l = 1..L in `modules()` order, including Linear and shortcut layers. A Linear layer keeps a fixed
share; a convolution with n_l weights keeps c * q_l * n_l of them, where c is chosen to meet the total.
Source of all: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, section 4 and appendix.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import floor

from pydantic import Field

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations.budget import check_budget
from prunepipe.pruning.allocations.rounding import round_to_total, spill_forward
from prunepipe.pruning.masks import exact
from prunepipe.pruning.options import Options, checked


class LinearShare(Options):
    """Options of allocations that give Linear layers a fixed share."""

    linear_keep: float = Field(0.3, ge=0, le=1, description="share of their weights that Linear layers keep")


class DepthOptions(LinearShare):
    """Options of smart ratio and its ablations."""

    divide_by_square: bool | None = Field(
        None, description="divide by the square of the depth; null: networks without residual connections do"
    )


def smart_importance(depth: int, L: int) -> int:
    """Return q_l = (L-l+1)^2 + (L-l+1): later layers keep a smaller share."""
    return (L - depth + 1) ** 2 + (L - depth + 1)


def linear_importance(depth: int, L: int) -> int:
    """Return q_l = L-l+1."""
    return L - depth + 1


def ascending_importance(depth: int, L: int) -> int:
    """Return q_l = l^2 + l, the opposite trend."""
    return depth**2 + depth


def cubic_importance(depth: int, L: int) -> int:
    """Return q_l = (L-l+1)^3."""
    return (L - depth + 1) ** 3


def by_depth(
    name: str,
    importance: Callable[[int, int], int],
    scores: Arrays,
    structure: Structure,
    kept_total: int,
    *,
    linear_keep: float = 0.3,
    divide_by_square: bool | None = None,
) -> dict[str, int]:
    """Let every layer keep a share that depends only on its depth.

    Args:
        name: what error messages call the allocation.
        importance: (depth l, counted from 1; number of layers L) -> q_l before any division.
        scores: not read.
        structure: the prunable layers.
        kept_total: weights to keep.
        linear_keep: share that Linear layers keep, in [0, 1].
        divide_by_square: divide q_l by l^2; None: networks without residual connections (VGG) do.
    Returns:
        Kept weights by layer; they sum to `kept_total`. A share above 1 spills into the next layers, and from
        the last convolution back to earlier ones.
    Raises:
        ConfigError: the Linear layers use up the budget, or the convolutions cannot hold it.
    """
    checked(LinearShare, f"allocation '{name}': ", {"linear_keep": linear_keep})
    kept = {
        layer.name: floor(exact(linear_keep) * layer.size)
        for layer in structure.layers
        if layer.kind == "linear"
    }
    fixed = f"the Linear layers keep {sum(kept.values()):,} (linear_keep {linear_keep})"
    budget = kept_total - sum(kept.values())
    divide = not structure.residual if divide_by_square is None else divide_by_square
    convolutions = {
        layer: Fraction(importance(depth, len(structure.layers)), depth**2 if divide else 1) * layer.size
        for depth, layer in enumerate(structure.layers, start=1)
        if layer.kind == "conv"
    }
    sizes = [layer.size for layer in convolutions]
    check_budget(name, budget, kept_total, sum(sizes), fixed)
    scale = Fraction(budget) / sum(convolutions.values())
    shares = spill_forward([scale * share for share in convolutions.values()], sizes)
    counts = round_to_total(shares, budget)
    kept |= {layer.name: count for layer, count in zip(convolutions, counts, strict=True)}
    return {layer.name: kept[layer.name] for layer in structure.layers}


smart = partial(by_depth, "smart", smart_importance)
linear = partial(by_depth, "linear", linear_importance)
ascending = partial(by_depth, "ascending", ascending_importance)
cubic = partial(by_depth, "cubic", cubic_importance)


def uniform(
    scores: Arrays, structure: Structure, kept_total: int, *, linear_keep: float = 0.3
) -> dict[str, int]:
    """Let every convolution keep the same share (q_l = 1, never divided); Linear layers as in `by_depth`."""
    return by_depth(
        "uniform",
        lambda depth, L: 1,
        scores,
        structure,
        kept_total,
        linear_keep=linear_keep,
        divide_by_square=False,
    )
