"""Sanity checks on masks, weights and scores: each changes one stage and keeps the others.

The checks on data are in `prunepipe.datasets.corruptions`.
"""

from __future__ import annotations

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.structure import check_mask


def rearrange(mask: Arrays, *, generator: np.random.Generator) -> Arrays:
    """Permute each layer's mask uniformly at random, preserving the number of kept weights per layer.

    Args:
        mask: bool, True = kept.
        generator: draws the permutations.
    Returns:
        A mask of the same shapes and counts per layer.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, section 3.
    """
    return {name: generator.permutation(layer.ravel()).reshape(layer.shape) for name, layer in mask.items()}


def shuffle_weights(
    weights: Arrays, mask: Arrays, fresh: Arrays, *, generator: np.random.Generator
) -> Arrays:
    """Permute the kept weights of each layer among its kept positions; the mask stays the same.

    Args:
        weights: the network's complete state: the start weights of the ticket.
        mask: bool, True = kept.
        fresh: not used.
        generator: draws the permutations.
    Returns:
        The complete state; pruned positions, biases and BatchNorm are unchanged.
    Raises:
        ScoreError: the mask does not fit the weights.
    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, section 3.
    """
    _require_fit(weights, mask)
    shuffled = {name: array.copy() for name, array in weights.items()}
    for name, layer in mask.items():
        shuffled[name][layer] = generator.permutation(weights[name][layer])
    return shuffled


def reinit(weights: Arrays, mask: Arrays, fresh: Arrays, *, generator: np.random.Generator) -> Arrays:
    """Replace the weights with an independent initialisation; the mask stays the same.

    Args:
        weights: the network's complete state: the start weights of the ticket.
        mask: bool, True = kept.
        fresh: an independent draw of the complete state from the initial distribution.
        generator: not used; `fresh` has its own stream.
    Returns:
        A copy of `fresh`.
    Raises:
        ScoreError: `fresh` is not a state of the same network.
    """
    _require_fit(weights, mask)
    shapes = [{name: array.shape for name, array in state.items()} for state in (weights, fresh)]
    if shapes[0] != shapes[1]:
        different = sorted(dict(shapes[0].items() ^ shapes[1].items()))
        raise ScoreError(f"reinit: the fresh state differs from the ticket's in: {', '.join(different)}.")
    return {name: array.copy() for name, array in fresh.items()}


def invert(scores: Arrays) -> Arrays:
    """Reverse the ranking, so that the lowest scores are kept; -inf stays (not a candidate).

    Args:
        scores: higher = keep.
    Source: Frankle et al., "Pruning neural networks at initialization: why are we missing the mark?",
        ICLR 2021.
    """
    return {name: np.where(np.isneginf(layer), layer, -layer) for name, layer in scores.items()}


def apply_mask(weights: Arrays, mask: Arrays) -> Arrays:
    """Set the pruned weights to zero.

    Args:
        weights: the network's complete state.
        mask: bool, True = kept; it alone decides what is pruned, not weights that are zero.
    Returns:
        A copy of the complete state; entries that the mask does not name are unchanged.
    Raises:
        ScoreError: the mask does not fit the weights.
    """
    _require_fit(weights, mask)
    masked = {name: array.copy() for name, array in weights.items()}
    for name, layer in mask.items():
        masked[name][~layer] = 0
    return masked


def _require_fit(weights: Arrays, mask: Arrays) -> None:
    check_mask(mask, {name: weights[name].shape for name in mask if name in weights})
