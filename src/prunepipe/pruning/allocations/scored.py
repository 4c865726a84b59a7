"""Allocations from scores: a global ranking decides how many weights each layer keeps."""

from __future__ import annotations

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations.budget import check_budget
from prunepipe.pruning.masks import check_scores, lowest_kept, refuse_unusable


def global_(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep the highest scores of the whole network, ranking convolutions and Linear layers together.

    Args:
        scores: one array per layer; ties go by layer order, then by flat index.
        structure: the prunable layers, in the order that breaks ties.
        kept_total: weights to keep.
    Returns:
        Kept weights by layer; they sum to `kept_total`.
    Raises:
        ScoreError: NaN, +inf, or fewer candidates than `kept_total`.
    """
    check_scores(scores, structure)
    return _highest({layer.name: scores[layer.name] for layer in structure.layers}, kept_total)


def global_conv(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep the highest scores of all convolutions and all Linear weights, and still meet the total.

    Args:
        scores: one array per layer; ties go by layer order, then by flat index.
        structure: the prunable layers.
        kept_total: weights to keep, Linear layers included.
    Returns:
        Kept weights by layer; they sum to `kept_total`.
    Raises:
        ConfigError: the dense Linear layers use up the budget.
        ScoreError: NaN, +inf, or too few candidates.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020 (its lottery tickets).
    """
    check_scores(scores, structure)
    kept = {layer.name: layer.size for layer in structure.layers if layer.kind == "linear"}
    dense = sum(kept.values())
    budget, room = kept_total - dense, structure.size - dense
    check_budget("global_conv", budget, kept_total, room, f"the dense Linear layers keep {dense:,}")
    convolutions = {layer.name: scores[layer.name] for layer in structure.layers if layer.kind == "conv"}
    kept |= _highest(convolutions, budget)
    return {layer.name: kept[layer.name] for layer in structure.layers}


def lamp(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Rank all weights by LAMP: the squared score, divided by the sum of its layer's squares that are not smaller.

    A layer's best candidate has LAMP 1, so every layer keeps a weight as long as the total suffices.

    Args:
        scores: one array per layer, >= 0 (magnitudes in the paper); -inf marks weights that are not candidates.
        structure: the prunable layers.
        kept_total: weights to keep.
    Returns:
        Kept weights by layer; they sum to `kept_total`.
    Raises:
        ScoreError: a score is negative, NaN or +inf, or there are fewer candidates than `kept_total`.
    Source: Lee, Park, Mo, Ahn, Shin, "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021,
        eq. 3.
    """
    check_scores(scores, structure)
    return _highest(
        {layer.name: _lamp_scores(layer.name, scores[layer.name]) for layer in structure.layers}, kept_total
    )


def _lamp_scores(name: str, scores: np.ndarray) -> np.ndarray:
    refuse_unusable(name, scores)
    candidates = np.sort(scores[~np.isneginf(scores)], axis=None).astype(np.float64)
    if candidates.size and candidates[0] < 0:
        raise ScoreError(
            f"allocation 'lamp': layer '{name}' has score {candidates[0]:g}, must be at least 0; "
            "use a score without sign, such as magnitude."
        )
    _, exponent = np.frexp(candidates.max(initial=0.0))
    # Scaling by a power of two is exact, and keeps the squares from under- or overflowing.
    squares = np.ldexp(candidates, -exponent) ** 2
    not_below = np.cumsum(squares[::-1])[::-1]
    shares: np.ndarray = np.divide(squares, not_below, out=np.zeros_like(squares), where=not_below > 0)
    return shares


def _highest(scores: Arrays, kept: int) -> dict[str, int]:
    """Count, per layer, the `kept` highest of all scores; ties go to the earlier layer."""
    for name, layer in scores.items():
        refuse_unusable(name, layer)
    candidates = np.concatenate([layer[layer > -np.inf] for layer in scores.values()])
    if not 0 <= kept <= candidates.size:
        raise ScoreError(f"{kept:,} weights are to be kept, but there are {candidates.size:,} candidates.")
    if kept == 0:
        return dict.fromkeys(scores, 0)
    return _fill_ties(scores, lowest_kept(candidates, kept), kept)


def _fill_ties(scores: Arrays, threshold: np.floating, kept: int) -> dict[str, int]:
    counts = {name: int(np.count_nonzero(layer > threshold)) for name, layer in scores.items()}
    missing = kept - sum(counts.values())
    for name, layer in scores.items():
        given = min(int(np.count_nonzero(layer == threshold)), missing)
        counts[name] += given
        missing -= given
    return counts
