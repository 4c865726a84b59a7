"""Random: no weight is worth more than another; the control for every other score."""

from __future__ import annotations

import torch
from torch import nn

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import Batches, Loss, Scores


def random(network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator) -> Scores:
    """Independent uniform numbers in [0, 1), so that the highest k are a uniformly random set of size k.

    Args:
        network: only the shapes of its weights are read.
        batches: not read.
        loss: not used.
        generator: draws the scores.
    Returns:
        One float64 tensor per prunable weight, shaped like it (float32 has only 2^24 values, hence many ties).
    """
    return {
        name: torch.rand(weight.shape, generator=generator, dtype=torch.float64, device=generator.device)
        for name, weight in prunable(network).items()
    }
