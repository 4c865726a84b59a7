"""From a torch network to its `Structure`: what is prunable, and how channels flow from input to output."""

from __future__ import annotations

import inspect
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, fx, nn

from prunepipe.errors import ConfigError
from prunepipe.networks.channel_graph import channel_graph
from prunepipe.networks.operations import PRUNABLE, Shape
from prunepipe.networks.prunable import prunable
from prunepipe.networks.structure import Layer, Structure

BATCH = 2
"""Images in the trial batch; more than one, or squeeze() would drop the axis of the batch."""


def trace(network: nn.Module, *, channels: int, image_size: int) -> Structure:
    """Read a network's prunable layers and the graph of its channels and their positions.

    Convolutions, pools (maximum, average, adaptive), paddings, slices, sums, concatenations and reshapes are
    followed by position. Interpolation, InstanceNorm, pools whose kernel is known at run time only and
    subclasses of Conv2d with a forward of their own are followed by channel. Any other operation counts as
    "mix": every output may depend on every input, so connectivity never calls a weight cut off that is not.
    A layer that the forward pass never calls has no node: its weights are prunable, and never effective. A
    layer that is called twice has two nodes.

    Args:
        network: not changed; it is run once on zeros, as a copy, on the CPU, in eval mode.
        channels: image channels.
        image_size: height and width of the square images, pixels.
    Returns:
        Layers in `network.modules()` order and nodes in the order of the forward pass.
    Raises:
        ConfigError: torch.fx cannot follow the forward pass, or the network does not take such images.
    """
    layers = prunable_layers(network)
    network = deepcopy(network).cpu().eval()
    graph = _graph(network)
    shapes = _shapes(network, graph, (BATCH, channels, image_size, image_size))
    return Structure(layers, channel_graph(network, graph, shapes))


def prunable_layers(network: nn.Module) -> tuple[Layer, ...]:
    """Return every Conv2d and Linear weight in `network.modules()` order.

    Raises:
        ConfigError: a weight is computed instead of being a parameter.
        ScoreError: there is none, or two layers share one.
    """
    for name, module in network.named_modules():
        if isinstance(module, PRUNABLE) and "weight" not in dict(module.named_parameters(recurse=False)):
            raise ConfigError(
                f"the weight of '{name}' is not a plain parameter, so it cannot be pruned: "
                "remove the parametrisation or weight normalisation of this layer."
            )
    weights = prunable(network)
    kinds = {4: "conv", 2: "linear"}
    return tuple(Layer(name, kinds[weight.ndim], tuple(weight.shape)) for name, weight in weights.items())


class _Tracer(fx.Tracer):
    """Stops at prunable layers, also at the user's subclasses of them."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, PRUNABLE) or super().is_leaf_module(module, qualified_name)


def _graph(network: nn.Module) -> fx.Graph:
    parameters = list(inspect.signature(network.forward).parameters.values())
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    try:
        return _Tracer().trace(network, concrete_args=defaults or None)
    except Exception as error:  # whatever the user's forward does with a symbolic tensor
        raise ConfigError(
            f"torch.fx cannot follow the forward pass of {type(network).__name__} "
            f"({type(error).__name__}: {_first_line(error)}). Let no `if` or loop in it depend on the values "
            "of tensors, or hide that part in a function marked with torch.fx.wrap."
        ) from error


class _ShapeRecorder(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor, and () for a tuple of tensors."""

    def __init__(self, network: nn.Module, *, graph: fx.Graph) -> None:
        super().__init__(network, graph=graph)
        self.shapes: dict[fx.Node, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        elif isinstance(result, (tuple, list)) and any(isinstance(part, Tensor) for part in result):
            self.shapes[n] = ()
        return result


def _floating_type(network: nn.Module) -> torch.dtype:
    floating = (value.dtype for value in network.parameters() if value.is_floating_point())
    return next(floating, torch.float32)


def _first_line(error: Exception) -> str:
    """Return an error's own text, without what torch.fx appends to it."""
    return str(error).strip().split("\n", 1)[0][:200]


def _shapes(network: nn.Module, graph: fx.Graph, images: Shape) -> dict[fx.Node, Shape]:
    recorder = _ShapeRecorder(network, graph=graph)
    try:
        # A user's forward pass may draw random numbers, even in eval mode.
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            recorder.run(torch.zeros(images, dtype=_floating_type(network)), enable_io_processing=False)
    except Exception as error:  # whatever torch or the user's code raises on images it does not fit
        raise ConfigError(
            f"{type(network).__name__} does not take images of shape {list(images)} "
            f"({type(error).__name__}: {_first_line(error)}). Fix its channels or image_size."
        ) from error
    return recorder.shapes
