"""An oracle for connectivity: a linear network with the same paths, whose gradients say what matters."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from network_examples import CHANNELS, IMAGE_SIZE
from torch import Tensor, nn

from prunepipe.networks.prunable import prunable
from prunepipe.structure import Arrays, Structure


def without_padding(mask: Arrays, structure: Structure) -> Arrays:
    """Drop the kernel positions that only ever meet padding, so that borders need no thought."""
    kept = {name: array.copy() for name, array in mask.items()}
    for node in structure.nodes:
        if node.operation == "conv":
            flat = kept[node.layer].reshape(*kept[node.layer].shape[:2], -1)
            flat[:, :, [tap for tap in range(flat.shape[2]) if tap not in node.taps]] = False
    return kept


def positive_twin(network: nn.Module, mask: Arrays, padding: str) -> nn.Module:
    """A linear network with the same paths: positive weights where kept, no biases, averages for maxima.

    With circular padding all pixels of a channel are equal, so that a channel is zero everywhere or nowhere.
    """
    twin = deepcopy(network).double().eval()
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(2))
            if isinstance(child, nn.ReLU):
                child.inplace = False
            if isinstance(child, nn.Conv2d) and padding == "circular" and child.padding != (0, 0):
                setattr(module, name, _circular(child))
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
        for name, weight in prunable(twin).items():
            weight.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, weight.shape) * mask[name]))
    return twin


def _circular(convolution: nn.Conv2d) -> nn.Conv2d:
    return nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        groups=convolution.groups,
        padding_mode="circular",
        dtype=torch.float64,
    )


def gradients(twin: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor], float]:
    """Return d(sum of outputs) / d(weights), whether each unit is alive, and the sum of the outputs."""
    outputs: dict[str, Tensor] = {}
    for name in prunable(twin):
        layer = twin.get_submodule(name.removesuffix(".weight"))
        layer.register_forward_hook(lambda _, __, result, name=name: outputs.update({name: result}))
    total = twin(torch.ones(1, CHANNELS, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.float64)).sum()
    names = list(outputs)
    weights = prunable(twin)
    of_weights = torch.autograd.grad(total, [weights[name] for name in names], retain_graph=True)
    of_units = torch.autograd.grad(total, [outputs[name] for name in names])
    alive = {
        name: ((outputs[name] * gradient) != 0)[0].flatten(1).any(1)
        if gradient.ndim == 4
        else ((outputs[name] * gradient) != 0)[0]
        for name, gradient in zip(names, of_units, strict=True)
    }
    return dict(zip(names, of_weights, strict=True)), alive, total.item()
