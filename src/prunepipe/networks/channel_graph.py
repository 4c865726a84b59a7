"""The walk along a traced forward pass that turns each operation into nodes of a `Structure`."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import fx, nn

from prunepipe.errors import ConfigError
from prunepipe.networks import operations, windows
from prunepipe.networks.operations import PRUNABLE, Shape
from prunepipe.networks.prunable import prunable
from prunepipe.networks.structure import Node, Window


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
            places = [self._places[source] for source in sources]
            channels = sum(self.nodes[place].channels for place in places)
            self._add("output", *places, shape=(channels,))
        elif node.op == "get_attr":
            self._refuse_weight(str(node.target))
        elif node.op == "placeholder" and shape is not None:
            self._places[node] = self._add("input", shape=shape[1:])
        elif sources and shape is not None:
            self._refuse_dropped(node)
            self._places[node] = self._operation(node, sources, shape)

    def _operation(self, node: fx.Node, sources: list[fx.Node], shape: Shape) -> int:
        if node.op == "call_module":
            return self._module(str(node.target), sources, shape)
        name = operations.operation_name(node)
        if name in operations.ADDITIONS:
            return self._union("add" if len(sources) > 1 else "pointwise", sources, shape)
        if name in operations.POINTWISE:
            return self._union("pointwise", sources, shape)
        if name in operations.RESHAPES:
            return self._reshape(sources[0], shape)
        if name in operations.CONCATENATIONS:
            return self._concatenate(node, sources, shape)
        if name == "pad":
            return self._pad(node, sources[0], shape)
        if not self._spares_channels(node, name, sources[0]):
            return self._mix(sources, shape)
        window = windows.of_call(node, name, self._shapes[sources[0]][2:], shape[2:])
        return self._windowed(sources, window, shape)

    def _spares_channels(self, node: fx.Node, name: str, source: fx.Node) -> bool:
        if name == "getitem":
            return operations.spares_channels(node.args[1])
        if name in operations.REDUCTIONS:
            return operations.axes(node, len(self._shapes[source])).isdisjoint({0, 1})
        return name in operations.CHANNELWISE

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
        if isinstance(module, operations.POINTWISE_MODULES):
            return self._union("pointwise", sources, shape)
        if operations.keeps_channels_apart(module):
            window = windows.of_module(module, self._shapes[sources[0]][2:], shape[2:])
            return self._windowed(sources, window, shape)
        return self._mix(sources, shape)

    def _layer(self, name: str, module: nn.Conv2d | nn.Linear, source: fx.Node, shape: Shape) -> int:
        size = self._shapes[source]
        place, layer = self._places[source], _weight_name(name)
        plain = len(size) == (4 if isinstance(module, nn.Conv2d) else 2)
        if not plain:  # a Linear on [N, tokens, features]: its channels are not the second axis
            inputs = module.in_channels if isinstance(module, nn.Conv2d) else module.in_features
            maps = size[-2:] if isinstance(module, nn.Conv2d) else ()
            place = self._add("mix", place, shape=(inputs, *maps))
        if isinstance(module, nn.Conv2d):
            place = self._convolution(module, place, layer, shape[-2:])
        else:
            place = self._add("linear", place, shape=(module.out_features,), layer=layer)
        return place if plain else self._add("mix", place, shape=shape[1:])

    def _convolution(self, module: nn.Conv2d, place: int, layer: str, size: Shape) -> int:
        window = windows.of_convolution(module, self.nodes[place].map_size, size)
        if window is None:
            window = windows.unfollowed(module.kernel_size, size)
            place = self._add("channelwise", place, shape=(module.in_channels, *size))
        shape = (module.out_channels, *size)
        return self._add("conv", place, shape=shape, layer=layer, groups=module.groups, window=window)

    def _union(self, operation: str, sources: list[fx.Node], shape: Shape) -> int:
        """Join tensors position by position."""
        return self._add(operation, *(self._fitted(source, shape) for source in sources), shape=shape[1:])

    def _fitted(self, source: fx.Node, shape: Shape) -> int:
        """Return a node whose channels are those of `shape`, and whose map is no larger in any axis."""
        before = self._shapes[source]
        if before[:2] != shape[:2] or len(before) != len(shape):  # broadcast over channels
            return self._mix([source], shape)
        if all(length in (1, result) for length, result in zip(before[2:], shape[2:], strict=True)):
            return self._places[source]
        return self._channelwise([source], shape)

    def _reshape(self, source: fx.Node, shape: Shape) -> int:
        before = self._shapes[source]
        if not before or before[:1] != shape[:1] or prod(before) != prod(shape):
            return self._mix([source], shape)
        return self._add("reshape", self._places[source], shape=shape[1:])

    def _windowed(self, sources: list[fx.Node], window: Window | None, shape: Shape) -> int:
        if window is None or self._shapes[sources[0]][:2] != shape[:2] or len(sources) > 1:
            return self._channelwise(sources, shape)
        return self._add("window", self._places[sources[0]], shape=shape[1:], window=window)

    def _channelwise(self, sources: list[fx.Node], shape: Shape) -> int:
        """One channel in, the same channel out, if the first two axes are as they were."""
        if len(shape) < 2 or any(self._shapes[source][:2] != shape[:2] for source in sources):
            return self._mix(sources, shape)
        return self._add("channelwise", *(self._places[source] for source in sources), shape=shape[1:])

    def _concatenate(self, node: fx.Node, sources: list[fx.Node], shape: Shape) -> int:
        parts: Any = operations.argument(node, 0, "tensors")
        if isinstance(parts, fx.Node) or operations.argument(node, 1, "dim", 0) not in (1, 1 - len(shape)):
            return self._mix(sources, shape)
        places = [
            self._places[part] if part in self._places else self._zeros(self._shapes[part][1:])
            for part in parts
        ]
        return self._add("concat", *places, shape=shape[1:])

    def _pad(self, node: fx.Node, source: fx.Node, shape: Shape) -> int:
        padding = operations.channel_padding(node, len(shape))
        if padding is None:
            return self._mix([source], shape)
        before, after = padding
        batch, channels, *maps = shape
        window = windows.of_call(node, "pad", self._shapes[source][2:], shape[2:])
        inner = self._windowed([source], window, (batch, channels - before - after, *maps))
        if (before, after) == (0, 0):
            return inner
        zeros = [self._zeros((count, *maps)) for count in padding]
        return self._add("concat", zeros[0], inner, zeros[1], shape=shape[1:])

    def _mix(self, sources: list[fx.Node], shape: Shape) -> int:
        return self._add("mix", *(self._places[source] for source in sources), shape=shape[1:])

    def _zeros(self, shape: Shape) -> int:
        """A tensor that no path reaches."""
        return self._add("mix", shape=shape)

    def _add(self, operation: str, *inputs: int, shape: Shape, **attributes: Any) -> int:
        """Add a node whose result for one image has a shape; a scalar or a tuple of tensors is one channel."""
        channels, *size = shape or (1,)
        self.nodes.append(Node(operation, inputs, channels, tuple(size), **attributes))
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
