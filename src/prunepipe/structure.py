"""The shape of a network as plain data, so that stages that only move numbers need no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
"""Named arrays: weights (float32), scores (float) or masks (bool), keyed by parameter name."""


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


@dataclass(frozen=True)
class Node:
    """One operation of the forward graph, at the resolution of channels.

    Attributes:
        operation: "input", "conv", "linear", "add", "concat", "flatten", "channelwise",
            "mix" (every output may depend on every input) or "output".
        inputs: positions of the nodes it reads.
        channels: channels (or features) of its result.
        layer: name of the prunable weight (conv and linear only).
        groups: groups of a convolution.
        taps: for a convolution, the flat kernel positions that meet a real input pixel somewhere
            (in a 3x3 kernel on a 1x1 map only the centre does).
    """

    operation: str
    inputs: tuple[int, ...] = ()
    channels: int = 0
    layer: str | None = None
    groups: int = 1
    taps: tuple[int, ...] = ()


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
            Node(**{**entry, "inputs": tuple(entry["inputs"]), "taps": tuple(entry["taps"])})
            for entry in data["nodes"]
        )
        return Structure(layers, nodes)
