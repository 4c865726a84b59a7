"""An oracle for connectivity: a linear network with the same paths, whose gradients say what matters."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from network_examples import CHANNELS
from torch import Tensor, nn

from prunepipe.artifacts import Arrays
from prunepipe.networks.prunable import prunable


def positive_twin(network: nn.Module, mask: Arrays) -> nn.Module:
    """A linear network with the same paths: positive weights where kept, no biases, averages for maxima."""
    twin = deepcopy(network).double().eval()
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            if isinstance(child, nn.MaxPool2d):
                extents = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, nn.AvgPool2d(*extents))
            if isinstance(child, nn.ReLU):
                child.inplace = False
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
        for name, weight in prunable(twin).items():
            weight.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, weight.shape) * mask[name]))
    return twin


def gradients(twin: nn.Module, *sides: int) -> tuple[dict[str, Tensor], dict[str, Tensor], float]:
    """Return d(sum of outputs) / d(weights), whether each unit is alive, and the sum of the outputs.

    Layers that are never called are missing; one that is called several times is alive at any of them.
    """
    calls: list[tuple[str, Tensor]] = []
    for name in prunable(twin):
        layer = twin.get_submodule(name.removesuffix(".weight"))
        layer.register_forward_hook(lambda _, __, result, name=name: calls.append((name, result)))
    total = twin(torch.ones(1, CHANNELS, *sides, dtype=torch.float64)).sum()
    names = list(dict.fromkeys(name for name, _ in calls))
    weights = prunable(twin)
    of_weights = torch.autograd.grad(total, [weights[name] for name in names], retain_graph=True)
    of_units = torch.autograd.grad(total, [result for _, result in calls])
    alive = {name: torch.zeros(len(weights[name]), dtype=torch.bool) for name in names}
    for (name, result), gradient in zip(calls, of_units, strict=True):
        alive[name] |= ((result * gradient) != 0)[0].reshape(len(weights[name]), -1).any(1)
    return dict(zip(names, of_weights, strict=True)), alive, total.item()
