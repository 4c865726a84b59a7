"""RigL: drop the smallest weights, and grow those with the largest gradients."""

from __future__ import annotations

from math import cos, pi

from torch import Tensor

from prunepipe.pruning.updaters.choosing import kept, largest
from prunepipe.pruning.updaters.contract import Tensors


def rigl(
    weights: Tensors, gradients: Tensors, mask: Tensors, *, step: int, steps: int, share: float = 0.3
) -> Tensors:
    """Exchange a share of every layer's weights: the smallest for those with the largest gradients of the loss.

    Args:
        weights: by name; |w| decides what is dropped.
        gradients: of all weights; |gradient| decides what is grown, among all weights that are not kept, including
            those just dropped.
        mask: True = kept so far.
        step: training steps taken.
        steps: step after which the mask no longer changes.
        share: a; the share a / 2 (1 + cos(pi step / steps)) of a layer's kept weights is exchanged, rounded down.
    Returns:
        A mask with the same number of weights in every layer.
    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery", ICML 2020, algorithm 1.
    """
    decayed = share / 2 * (1 + cos(pi * step / steps))
    return {name: _exchange(weights[name], gradients[name], layer, decayed) for name, layer in mask.items()}


def _exchange(weight: Tensor, gradient: Tensor, mask: Tensor, share: float) -> Tensor:
    total = kept(mask)
    count = int(share * total)
    stay = largest(weight, mask, total - count)
    return stay | largest(gradient, ~stay, count)
