"""Redraw the Linear weights of a copy before it is scored."""

from __future__ import annotations

import torch
from torch import nn

from prunepipe.networks.prunable import weights_of


def redraw_linear_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw Linear and attention weights anew from Xavier's normal distribution, in place.

    Args:
        network: the copy that is scored.
        generator: draws them, in float32, so that the draw does not depend on the arithmetic of the score.
    """
    for weight in weights_of(network):
        if weight.parameter is not None and isinstance(weight.module, (nn.Linear, nn.MultiheadAttention)):
            fresh = torch.empty(weight.parameter.shape, dtype=torch.float32, device=generator.device)
            weight.parameter.data.copy_(nn.init.xavier_normal_(fresh, generator=generator))
