"""SET: drop the weights nearest to zero, and grow as many at random."""

from __future__ import annotations

from math import floor

import torch
from torch import Tensor

from prunepipe.pruning.masks import exact
from prunepipe.pruning.updaters.choosing import at_random, kept, largest
from prunepipe.pruning.updaters.contract import Tensors


def sparse_evolution(
    weights: Tensors, gradients: None, mask: Tensors, *, generator: torch.Generator, share: float = 0.3
) -> Tensors:
    """Exchange a share of every layer's weights: those nearest to zero, of each sign, for others at random.

    Args:
        weights: by name.
        gradients: not read.
        mask: True = kept so far.
        generator: draws what is grown, among all weights that are not kept, including those just dropped.
        share: of the positive and of the negative kept weights of a layer, rounded down; zero counts as positive.
    Returns:
        A mask with the same number of weights in every layer.
    Source: Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity inspired
        by network science", Nature Communications 2018, algorithm 1.
    """
    return {name: _exchange(weights[name], layer, share, generator) for name, layer in mask.items()}


def _exchange(weight: Tensor, mask: Tensor, share: float, generator: torch.Generator) -> Tensor:
    negative = (weight < 0) & mask
    stay = _largest(weight, mask ^ negative, share) | _largest(weight, negative, share)
    return stay | at_random(~stay, kept(mask) - kept(stay), generator)


def _largest(weight: Tensor, among: Tensor, share: float) -> Tensor:
    count = kept(among)
    return largest(weight, among, count - floor(exact(share) * count))
