"""Round real-valued shares of layers to whole weights that meet a total, in rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def round_to_total(shares: Sequence[Fraction], total: int) -> list[int]:
    """Round real-valued counts down, then give the remainder to the largest fractional parts.

    Args:
        shares: one count per layer, at most the layer's size; they sum to `total`.
        total: the whole number to reach.
    Returns:
        Whole counts that sum to `total`, each within 1 of its share and at most the layer's size; ties go to the
        earlier layer.
    """
    if sum(shares) != total:
        raise ValueError(f"shares sum to {float(sum(shares))}, not to {total}")
    counts = [floor(share) for share in shares]
    by_fraction = sorted(range(len(shares)), key=lambda layer: (counts[layer] - shares[layer], layer))
    for layer in by_fraction[: total - sum(counts)]:
        counts[layer] += 1
    return counts


def spill_forward(shares: Sequence[Fraction], sizes: Sequence[int]) -> list[Fraction]:
    """Cut every share to its layer's size and pass the surplus on to the next layers.

    Surplus left after the last layer goes back to earlier layers, so that the sum is preserved.

    Args:
        shares: real-valued counts in layer order; their sum is at most the sum of `sizes`.
        sizes: number of weights of each layer.
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
    """Distribute a total in proportion to weights; the surplus of a full layer goes to all others.

    Args:
        weights: proportions, above 0, one per layer.
        sizes: upper bound of each layer; their sum is at least `total`.
        total: number to distribute.
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
