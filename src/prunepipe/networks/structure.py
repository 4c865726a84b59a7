"""The shape of a network as plain data, so that stages that only move numbers need no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from prunepipe.artifacts import FOREIGN, of_another_version, read_json


@dataclass(frozen=True)
class Layer:
    """One prunable weight: of a Conv2d or of a Linear module.

    Attributes:
        name: the parameter's name, for example "features.0.weight".
        kind: "conv" or "linear".
        shape: the weight's shape: (out, in / groups, height, width) or (out, in).
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        return prod(self.shape)


Window = tuple[tuple[tuple[int, ...], ...], ...]
"""Nested as axes, kernel, result: per axis of a map, and per tap of a kernel along it, the input position that each
position of the result reads; -1 where that is padding, which is a constant."""


@dataclass(frozen=True)
class Node:
    """One operation of the forward graph, at the resolution of channels and their positions.

    Attributes:
        operation: "input", "conv", "linear", "add", "concat", "output", or
            "reshape" (the same values in the same order),
            "pointwise" (position by position; maps of size 1 are repeated, as in arithmetic),
            "window" (each position reads a window of its own channel, as pools and paddings do),
            "channelwise" (every position may depend on every position of its own channel),
            "mix" (everything may depend on everything).
        inputs: positions of the nodes it reads.
        channels: channels (or features) of its result.
        map_size: (height, width) of its result; () for features.
        layer: name of the prunable weight (conv and linear only).
        groups: groups of a convolution.
        window: what each position reads (conv and window only).
    """

    operation: str
    inputs: tuple[int, ...] = ()
    channels: int = 0
    map_size: tuple[int, ...] = ()
    layer: str | None = None
    groups: int = 1
    window: Window = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its result for one image: (channels, height, width), or (features,)."""
        return (self.channels, *self.map_size)


@dataclass(frozen=True)
class Structure:
    """The prunable layers in `network.modules()` order and the graph that joins them."""

    layers: tuple[Layer, ...]
    nodes: tuple[Node, ...]

    @property
    def size(self) -> int:
        """Number of prunable weights N."""
        return sum(layer.size for layer in self.layers)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every prunable weight, by parameter name."""
        return {layer.name: layer.shape for layer in self.layers}

    @property
    def residual(self) -> bool:
        """Whether paths are added anywhere, which is what decides the form of the smart ratio."""
        return any(node.operation == "add" for node in self.nodes)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and dictionaries for a JSON file."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Structure:
        """Read what `to_json` wrote."""
        layers = tuple(Layer(**{**entry, "shape": tuple(entry["shape"])}) for entry in data["layers"])
        nodes = tuple(
            Node(**{name: _tuples(value) for name, value in entry.items()}) for entry in data["nodes"]
        )
        return Structure(layers, nodes)


def read_structure(path: Path | str) -> Structure:
    """Read the structure of a network, as `initialise` leaves it.

    Raises:
        ArtifactError: as `read_json`.
    """
    data = read_json(path, "layers", "nodes")
    try:
        return Structure.from_json(data)
    except FOREIGN as error:
        raise of_another_version(path, str(error)[:120]) from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
