"""An oracle for connectivity that knows nothing of paths: which kept weights have a derivative, in float64."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from prunepipe.artifacts import Arrays
from prunepipe.networks.prunable import prunable


def felt(network: nn.Module, mask: Arrays, shape: tuple[int, ...], draws: int) -> tuple[Arrays, Tensor]:
    """Return which kept weights the outputs feel, and whether each output depends on the image.

    Args:
        network: changed: it ends with the weights of the last draw.
        mask: bool, one array per prunable weight.
        shape: of one image.
        draws: of weights and images; in every second, all are positive, so that no ReLU stands in the way.
    Returns:
        Per prunable weight, bool: the derivative of a random sum of the outputs is not zero in some draw. Biases
        and positions are zero, since they start no path. And bool [outputs].
    """
    network = network.double().eval()
    generator = torch.Generator().manual_seed(0)
    found = {name: np.zeros(layer.shape, bool) for name, layer in mask.items()}
    moves = torch.zeros(1, dtype=torch.bool)
    for draw in range(draws):
        positive = draw % 2 == 1
        _draw(network, mask, positive, generator)
        images = _normal((2, *shape), positive, generator)
        outputs = network(images)
        moves = moves | (outputs[0] != outputs[1]).detach()
        total = (outputs * _normal(outputs.shape, positive, generator)).sum()
        weights = prunable(network)
        slopes = torch.autograd.grad(total, list(weights.values()), materialize_grads=True)
        for name, slope in zip(weights, slopes, strict=True):
            found[name] |= (slope != 0).numpy() & mask[name]
    return found, moves


def _draw(network: nn.Module, mask: Arrays, positive: bool, generator: torch.Generator) -> None:
    for name, parameter in network.named_parameters():
        constant = name.endswith("bias") or name == "positions"
        values = torch.zeros(parameter.shape) if constant else _normal(parameter.shape, positive, generator)
        parameter.data.copy_(values)
    for name, weight in prunable(network).items():
        weight.data.mul_(torch.from_numpy(mask[name]))


def _normal(shape: tuple[int, ...], positive: bool, generator: torch.Generator) -> Tensor:
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return values.abs() if positive else values
