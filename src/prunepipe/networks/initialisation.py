"""Draw initial weights from an explicit generator, in module order."""

from __future__ import annotations

from math import prod, sqrt
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from prunepipe.errors import ConfigError

Fan = Literal["fan_in", "fan_out"]

CONSTANT_STARTS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.PReLU)
"""Modules whose `reset_parameters` sets constants (scale 1, shift 0, statistics 0, 1) and draws nothing."""


def initialise(network: nn.Module, *, generator: torch.Generator) -> None:
    """Draw a network's initial weights in place, if it has a method that draws them.

    That method is `initialise(*, generator)`, as in our VGG and ResNet. A network without it, such as one from
    torchvision, keeps the weights from its constructor.

    Args:
        network: just built by `building.make_network`, with the same `draw`.
        generator: a CPU generator, so that every device starts from the same weights.
    """
    draw = getattr(network, "initialise", None)
    if draw is not None:
        draw(generator=generator)


def draw_normal(
    network: nn.Module, *, fan: Fan, linear_deviation: float = 0.01, generator: torch.Generator
) -> None:
    """Draw convolutions from N(0, sqrt(2 / fan)) and Linear weights from N(0, linear_deviation), in place.

    Args:
        network: its biases become 0, normalisation scales 1, shifts 0, statistics 0 (mean), 1 (variance).
        fan: "fan_in" counts the weights that one output value reads, "fan_out" those that read one input channel.
        linear_deviation: standard deviation of Linear weights.
        generator: a CPU generator; one draw per weight, in `network.modules()` order.
    Raises:
        ConfigError: the network has a module with parameters of another kind.
    Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", ICCV 2015, eqs. 10 and 14.
    """
    for name, module in network.named_modules():
        if isinstance(module, _ConvNd):
            _draw(module, sqrt(2 / _fan(module, fan)), generator)
        elif isinstance(module, nn.Linear):
            _draw(module, linear_deviation, generator)
        elif isinstance(module, CONSTANT_STARTS):
            module.reset_parameters()
        elif next(module.parameters(recurse=False), None) is not None:
            raise ConfigError(
                f"no rule is known for the initial weights of '{name or 'the network'}' ({type(module).__name__}). "
                f"Give {type(network).__name__} a method initialise(self, *, generator) that draws "
                "all its weights."
            )


def _draw(module: _ConvNd | nn.Linear, deviation: float, generator: torch.Generator) -> None:
    # Drawn on the CPU and then copied: a device's own generator would give other numbers.
    drawn = torch.empty(module.weight.shape).normal_(0.0, deviation, generator=generator)
    with torch.no_grad():
        module.weight.copy_(drawn)
        if module.bias is not None:
            module.bias.zero_()


def _fan(module: _ConvNd, fan: Fan) -> int:
    shape = module.weight.shape  # [out, in / groups, *kernel]
    return prod(shape[2:]) * (shape[1] if fan == "fan_in" else shape[0])
