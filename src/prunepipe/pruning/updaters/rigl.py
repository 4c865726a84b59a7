"""RigL: the smallest weights go, those with the largest gradients come."""

from __future__ import annotations

from math import cos, pi

from torch import Tensor

from prunepipe.pruning.updaters.choosing import kept, largest
from prunepipe.pruning.updaters.contract import Tensors


def rigl(
    weights: Tensors, gradients: Tensors, mask: Tensors, *, step: int, steps: int, share: float = 0.3
) -> Tensors:
    """Exchange a share of every layer's weights: the smallest, for those whose loss gradients are largest.

    Args:
        weights: by name; |w| decides what is dropped.
        gradients: of all weights; |gradient| decides what is grown, among all that is not kept, what was just dropped
            included.
        mask: True = kept so far.
        step: training steps taken.
        steps: step after which the mask stays.
        share: a, of the kept weights of a layer; a / 2 (1 + cos(pi step / steps)) of them are exchanged, rounded down.
    Returns:
        A mask with the same number of weights in every layer.
    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery", ICML 2020, algorithm 1.
    """
    decayed = share / 2 * (1 + cos(pi * step / steps))
    return {name: _exchange(weights[name], gradients[name], layer, decayed) for name, layer in mask.items()}


def _exchange(weight: Tensor, gradient: Tensor, mask: Tensor, share: float) -> Tensor:
    there = kept(mask)
    count = int(share * there)
    stay = largest(weight, mask, there - count)
    return stay | largest(gradient, ~stay, count)
