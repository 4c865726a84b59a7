"""Smart ratio and its ablations: a layer's share depends only on its depth; no score is read.

Layers are numbered l = 1..L in `modules()` order, including Linear and shortcut layers. A Linear layer keeps a fixed
share; a convolution with n_l weights keeps c * q_l * n_l of them, where c is chosen to meet the total.
Source of all: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, section 4 and appendix.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor

from pydantic import Field

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations.budget import refuse_empty_budget, refuse_excess_budget
from prunepipe.pruning.allocations.rounding import exact, round_to_total, spill_forward
from prunepipe.pruning.options import Options, checked

Importance = Callable[[int, int], int]
"""(depth l, counted from 1; number of layers L) -> q_l before any division."""


class LinearShare(Options):
    """Options of allocations that give Linear layers a fixed share."""

    linear_keep: float = Field(0.3, ge=0, le=1, description="share of their weights that Linear layers keep")


class DepthOptions(LinearShare):
    """Options of smart ratio and its ablations."""

    divide_by_square: bool | None = Field(
        None, description="divide by the square of the depth; null: networks without residual connections do"
    )


def smart(
    scores: Arrays,
    structure: Structure,
    kept_total: int,
    *,
    linear_keep: float = 0.3,
    divide_by_square: bool | None = None,
) -> dict[str, int]:
    """Smart ratio: q_l = (L-l+1)^2 + (L-l+1), so that later layers keep a smaller share.

    Args:
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
    q = _divided(lambda depth, L: (L - depth + 1) ** 2 + (L - depth + 1), structure, divide_by_square)
    return _by_depth("smart", structure, kept_total, q, linear_keep)


def linear(
    scores: Arrays,
    structure: Structure,
    kept_total: int,
    *,
    linear_keep: float = 0.3,
    divide_by_square: bool | None = None,
) -> dict[str, int]:
    """Ablation of smart ratio with q_l = L-l+1; all else as `smart`."""
    q = _divided(lambda depth, L: L - depth + 1, structure, divide_by_square)
    return _by_depth("linear", structure, kept_total, q, linear_keep)


def ascending(
    scores: Arrays,
    structure: Structure,
    kept_total: int,
    *,
    linear_keep: float = 0.3,
    divide_by_square: bool | None = None,
) -> dict[str, int]:
    """Ablation of smart ratio with q_l = l^2 + l, the opposite trend; all else as `smart`."""
    q = _divided(lambda depth, L: depth**2 + depth, structure, divide_by_square)
    return _by_depth("ascending", structure, kept_total, q, linear_keep)


def cubic(
    scores: Arrays,
    structure: Structure,
    kept_total: int,
    *,
    linear_keep: float = 0.3,
    divide_by_square: bool | None = None,
) -> dict[str, int]:
    """Ablation of smart ratio with q_l = (L-l+1)^3; all else as `smart`."""
    q = _divided(lambda depth, L: (L - depth + 1) ** 3, structure, divide_by_square)
    return _by_depth("cubic", structure, kept_total, q, linear_keep)


def uniform(
    scores: Arrays, structure: Structure, kept_total: int, *, linear_keep: float = 0.3
) -> dict[str, int]:
    """Ablation of smart ratio: the same share in every convolution (q_l = 1), Linear as in `smart`."""
    q = [Fraction(1)] * len(structure.layers)
    return _by_depth("uniform", structure, kept_total, q, linear_keep)


def _divided(importance: Importance, structure: Structure, divide_by_square: bool | None) -> list[Fraction]:
    divide = not structure.residual if divide_by_square is None else divide_by_square
    count = len(structure.layers)
    return [Fraction(importance(depth, count), depth**2 if divide else 1) for depth in range(1, count + 1)]


def _by_depth(
    allocation: str, structure: Structure, kept_total: int, importance: list[Fraction], linear_keep: float
) -> dict[str, int]:
    checked(LinearShare, f"allocation '{allocation}': ", {"linear_keep": linear_keep})
    linears = [layer for layer in structure.layers if layer.kind == "linear"]
    kept = {layer.name: floor(exact(linear_keep) * layer.size) for layer in linears}
    fixed = f"the Linear layers keep {sum(kept.values()):,} (linear_keep {linear_keep})"
    budget = kept_total - sum(kept.values())
    layers = zip(structure.layers, importance, strict=True)
    convolutions = [(layer, q) for layer, q in layers if layer.kind == "conv"]
    sizes = [layer.size for layer, _ in convolutions]
    refuse_empty_budget(allocation, budget, kept_total, fixed)
    refuse_excess_budget(allocation, budget, sum(sizes), fixed)
    scale = Fraction(budget) / sum((q * layer.size for layer, q in convolutions), Fraction(0))
    shares = spill_forward([scale * q * layer.size for layer, q in convolutions], sizes)
    counts = round_to_total(shares, budget)
    kept |= {layer.name: count for (layer, _), count in zip(convolutions, counts, strict=True)}
    return {layer.name: kept[layer.name] for layer in structure.layers}
