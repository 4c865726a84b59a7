"""Exact counts: from a prune ratio and real-valued shares to whole weights, in rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def exact(number: float) -> Fraction:
    """Return the decimal that a float is written as: 0.1 is 1/10, not the nearest binary number."""
    return Fraction(str(float(number)))


def round_to_total(shares: Sequence[Fraction], total: int) -> list[int]:
    """Round real-valued counts down, then give what is missing to the largest fractions.

    Args:
        shares: one count a layer, not above the layer's size; they sum to `total`.
        total: the whole number to reach.
    Returns:
        Whole counts that sum to `total`, each within 1 of its share and not above the layer's size; among
        equal fractions the earlier layer gets the weight.
    """
    if sum(shares) != total:
        raise ValueError(f"shares sum to {float(sum(shares))}, not to {total}")
    counts = [floor(share) for share in shares]
    by_fraction = sorted(range(len(shares)), key=lambda layer: (counts[layer] - shares[layer], layer))
    for layer in by_fraction[: total - sum(counts)]:
        counts[layer] += 1
    return counts


def spill_forward(shares: Sequence[Fraction], sizes: Sequence[int]) -> list[Fraction]:
    """Cut every share to its layer's size; the surplus goes to the next layer, and on.

    What is left after the last layer goes backwards from it, so that the sum is always kept.

    Args:
        shares: real-valued counts in layer order; their sum is at most the sum of `sizes`.
        sizes: weights a layer has.
    """
    filled: list[Fraction] = []
    surplus = Fraction(0)
    for share, size in zip(shares, sizes, strict=True):
        filled.append(min(share + surplus, Fraction(size)))
        surplus += share - filled[-1]
    for layer in reversed(range(len(sizes))):
        extra = min(surplus, sizes[layer] - filled[layer])
        filled[layer] += extra
        surplus -= extra
    return filled


def share_proportionally(weights: Sequence[int], sizes: Sequence[int], total: int) -> list[Fraction]:
    """Share a total in proportion to weights; a layer that is full leaves its surplus to all the others.

    Args:
        weights: proportions, above 0, one a layer.
        sizes: upper bound of each layer; their sum is at least `total`.
        total: what to share.
    """
    shares = [Fraction(size) for size in sizes]
    open_layers = list(range(len(sizes)))
    rest = Fraction(total)
    while open_layers:
        unit = rest / sum(weights[layer] for layer in open_layers)
        full = [layer for layer in open_layers if unit * weights[layer] >= sizes[layer]]
        if not full:
            break
        rest -= sum(sizes[layer] for layer in full)
        open_layers = [layer for layer in open_layers if layer not in full]
    for layer in open_layers:
        shares[layer] = unit * weights[layer]
    return shares
