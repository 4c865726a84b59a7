"""Magnitude: large weights are worth keeping."""

from __future__ import annotations

import torch
from torch import nn

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import Batches, Loss, Scores


def magnitude(network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator) -> Scores:
    """Absolute value of every prunable weight.

    Args:
        network: holds the weights to score; initial weights give "magnitude at init".
        batches: not read.
        loss: not used.
        generator: not used.
    Returns:
        One tensor per prunable weight, shaped like it; higher means keep.
    Source: Han, Pool, Tran, Dally, "Learning both weights and connections", NeurIPS 2015.
    """
    return {name: weight.detach().abs() for name, weight in prunable(network).items()}
