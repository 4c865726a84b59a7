"""The walk along a traced forward pass that turns each operation into nodes of a `Structure`."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import fx, nn

from prunepipe.errors import ConfigError
from prunepipe.networks import operations
from prunepipe.networks.operations import PRUNABLE, Shape
from prunepipe.networks.prunable import prunable
from prunepipe.structure import Node


def channel_graph(network: nn.Module, graph: fx.Graph, shapes: dict[fx.Node, Shape]) -> tuple[Node, ...]:
    """Return the channel graph of a traced network.

    Args:
        network: the network that was traced.
        graph: its operations in the order of the forward pass.
        shapes: shape [N, C, ...] of every tensor, () for a tuple of tensors; nothing for other values.
    Returns:
        Nodes, each after those it reads.
    Raises:
        ConfigError: a prunable weight is used in a way that cannot be followed.
    """
    walk = _Walk(network, shapes)
    for node in graph.nodes:
        walk.visit(node)
    return tuple(walk.nodes)


class _Walk:
    """Nodes so far, and where each value that depends on the input comes from.

    Values that are not in `_places`, such as sizes and parameters, do not depend on the input.
    """

    def __init__(self, network: nn.Module, shapes: dict[fx.Node, Shape]) -> None:
        self.nodes: list[Node] = []
        self._places: dict[fx.Node, int] = {}
        self._shapes = shapes
        self._modules = dict(network.named_modules())
        self._weights = frozenset(prunable(network))

    def visit(self, node: fx.Node) -> None:
        """Add what one traced operation stands for."""
        shape = self._shapes.get(node)
        sources = [source for source in node.all_input_nodes if source in self._places]
        if node.op == "output":
            self._add("output", *(self._places[source] for source in sources))
        elif node.op == "get_attr":
            self._refuse_weight(str(node.target))
        elif node.op == "placeholder" and shape is not None:
            self._places[node] = self._add("input", channels=_channels(shape))
        elif sources and shape is not None:
            self._refuse_dropped(node)
            self._places[node] = self._operation(node, sources, shape)

    def _operation(self, node: fx.Node, sources: list[fx.Node], shape: Shape) -> int:
        if node.op == "call_module":
            return self._module(str(node.target), sources, shape)
        name = operations.operation_name(node)
        if name in operations.ADDITIONS:
            return self._union("add" if len(sources) > 1 else "channelwise", sources, shape)
        if name in operations.CHANNELWISE:
            return self._union("channelwise", sources, shape)
        if name in operations.RESHAPES:
            return self._reshape(sources[0], shape)
        if name in operations.CONCATENATIONS:
            return self._concatenate(node, sources, shape)
        if name == "pad":
            return self._pad(node, sources[0], shape)
        dimensions = len(self._shapes[sources[0]])
        spared = name == "getitem" and operations.spares_channels(node.args[1])
        spared |= name in operations.REDUCTIONS and operations.axes(node, dimensions).isdisjoint({0, 1})
        return self._keep_or_mix(sources, shape) if spared else self._mix(sources, shape)

    def _module(self, name: str, sources: list[fx.Node], shape: Shape) -> int:
        module = self._modules[name]
        if isinstance(module, PRUNABLE):
            return self._layer(name, module, sources[0], shape)
        if any(isinstance(part, PRUNABLE) for part in module.modules()):
            raise ConfigError(
                f"'{name}' ({type(module).__name__}) holds prunable layers that torch.fx cannot see at work. "
                "Replace it by a module whose forward calls its Conv2d and Linear layers one by one."
            )
        if isinstance(module, (nn.Flatten, nn.Unflatten)):
            return self._reshape(sources[0], shape)
        if operations.keeps_channels_apart(module):
            return self._union("channelwise", sources, shape)
        return self._mix(sources, shape)

    def _layer(self, name: str, module: nn.Conv2d | nn.Linear, source: fx.Node, shape: Shape) -> int:
        size = self._shapes[source]
        place, layer = self._places[source], _weight_name(name)
        plain = len(size) == (4 if isinstance(module, nn.Conv2d) else 2)
        if not plain:  # a Linear on [N, tokens, features]: its channels are not the second axis
            inputs = module.in_channels if isinstance(module, nn.Conv2d) else module.in_features
            place = self._add("mix", place, channels=inputs)
        if isinstance(module, nn.Conv2d):
            taps = operations.taps(module, size[-2:], shape[-2:])
            channels, groups = module.out_channels, module.groups
            place = self._add("conv", place, channels=channels, layer=layer, groups=groups, taps=taps)
        else:
            place = self._add("linear", place, channels=module.out_features, layer=layer)
        return place if plain else self._add("mix", place, channels=_channels(shape))

    def _union(self, operation: str, sources: list[fx.Node], shape: Shape) -> int:
        """Join tensors channel by channel; one that is broadcast over channels is mixed into all of them."""
        places = [
            self._places[source]
            if self._shapes[source][1:2] == shape[1:2] and len(self._shapes[source]) == len(shape)
            else self._mix([source], shape)
            for source in sources
        ]
        return self._add(operation, *places, channels=_channels(shape))

    def _reshape(self, source: fx.Node, shape: Shape) -> int:
        before = self._shapes[source]
        flat = len(shape) == 2 and shape == (before[0], prod(before[1:]))
        if flat and shape[:2] != before[:2]:
            return self._add("flatten", self._places[source], channels=shape[1])
        return self._keep_or_mix([source], shape)

    def _keep_or_mix(self, sources: list[fx.Node], shape: Shape) -> int:
        """One channel in, the same channel out, if the first two axes are as they were."""
        if len(shape) < 2 or self._shapes[sources[0]][:2] != shape[:2]:
            return self._mix(sources, shape)
        return self._add("channelwise", self._places[sources[0]], channels=shape[1])

    def _concatenate(self, node: fx.Node, sources: list[fx.Node], shape: Shape) -> int:
        parts: Any = operations.argument(node, 0, "tensors")
        if isinstance(parts, fx.Node) or operations.argument(node, 1, "dim", 0) not in (1, 1 - len(shape)):
            return self._mix(sources, shape)
        places = [
            self._places[part] if part in self._places else self._zeros(_channels(self._shapes[part]))
            for part in parts
        ]
        return self._add("concat", *places, channels=shape[1])

    def _pad(self, node: fx.Node, source: fx.Node, shape: Shape) -> int:
        padding = operations.channel_padding(node, len(shape))
        if padding is None:
            return self._mix([source], shape)
        before, after = padding
        if (before, after) == (0, 0):
            return self._keep_or_mix([source], shape)
        places = (self._zeros(before), self._places[source], self._zeros(after))
        return self._add("concat", *places, channels=shape[1])

    def _mix(self, sources: list[fx.Node], shape: Shape) -> int:
        return self._add("mix", *(self._places[source] for source in sources), channels=_channels(shape))

    def _zeros(self, channels: int) -> int:
        """Channels that no path reaches."""
        return self._add("mix", channels=channels)

    def _add(self, operation: str, *inputs: int, channels: int | None = None, **attributes: Any) -> int:
        if channels is None:
            channels = sum(self.nodes[place].channels for place in inputs)
        self.nodes.append(Node(operation, inputs, channels, **attributes))
        return len(self.nodes) - 1

    def _refuse_weight(self, name: str) -> None:
        if name in self._weights:
            raise ConfigError(
                f"'{name}' is used outside of its own layer, where its connections cannot be followed. "
                f"Call the layer '{name.removesuffix('.weight')}' instead."
            )

    def _refuse_dropped(self, node: fx.Node) -> None:
        """An in-place operation whose result is dropped changes a tensor behind the trace's back."""
        if node.op == "call_method" and str(node.target).endswith("_") and not node.users:
            raise ConfigError(
                f"the result of the in-place operation '{node.target}' is dropped, which torch.fx "
                f"cannot follow. Assign it: x = x.{node.target}(...)."
            )


def _weight_name(module: str) -> str:
    return f"{module}.weight".lstrip(".")


def _channels(shape: Shape) -> int:
    """Channels of [N, C, ...]; what has no such axis (a scalar, a tuple of tensors) is mixed into one."""
    return shape[1] if len(shape) > 1 else 1
