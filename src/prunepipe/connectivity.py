"""Which kept weights still lie on a path from input to output, read from the mask alone; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from prunepipe.errors import ScoreError
from prunepipe.structure import Arrays, Layer, Node, Structure

Channels = list[np.ndarray]
"""One bool array [channels] per node of a structure."""


@dataclass(frozen=True)
class Connectivity:
    """What a mask leaves of a network.

    Attributes:
        effective: per layer, kept weights that lie on some path of kept weights from input to output.
        dead_units: per layer, output channels (or units) that no path through the network passes.
        collapsed: whether there is no such path at all, so that the network is a constant.
    """

    effective: dict[str, int]
    dead_units: dict[str, int]
    collapsed: bool


def connectivity(mask: Arrays, structure: Structure) -> Connectivity:
    """Follow the paths of kept weights through a network.

    Exact at the resolution of channels, and for kernel positions that only ever meet padding. Biases and
    normalisation shifts start no path: what they alone feed is constant.

    Args:
        mask: bool, True = kept, one array per prunable layer, shaped like its weight.
        structure: the network's layers and channel graph.
    Returns:
        Effective weights, dead units and whether the network has collapsed.
    Raises:
        ScoreError: the mask does not fit the structure.
    Source: Vysogorets, Kempe, "Connectivity Matters: Neural Network Pruning Through the Lens of Effective
        Sparsity", JMLR 2023, section 3.
    """
    _require_fit(mask, structure.layers)
    planes = {layer.name: _planes(mask[layer.name]) for layer in structure.layers}
    joined = [_joined(node, planes) for node in structure.nodes]
    reached = _reached(structure.nodes, joined)
    leading = _leading(structure.nodes, joined)
    effective, dead_units = {}, {}
    for layer in structure.layers:
        places = [place for place, node in enumerate(structure.nodes) if node.layer == layer.name]
        effective[layer.name] = _effective(planes[layer.name], places, structure.nodes, reached, leading)
        alive = [reached[place] & leading[place] for place in places]
        dead_units[layer.name] = int(layer.shape[0] - _any(alive, axis=0).sum())
    ends = [place for place, node in enumerate(structure.nodes) if node.operation == "output"]
    return Connectivity(effective, dead_units, not any(reached[place].any() for place in ends))


def _require_fit(mask: Arrays, layers: Sequence[Layer]) -> None:
    names = {layer.name for layer in layers}
    for name in sorted(names ^ set(mask)):
        what = "has no array for" if name in names else "has an array that is no layer of the network:"
        raise ScoreError(f"the mask {what} '{name}'. Make the mask with this network's own structure.")
    for layer in layers:
        array = mask[layer.name]
        if array.shape != layer.shape or array.dtype != np.bool_:
            raise ScoreError(
                f"mask '{layer.name}' is {array.dtype} of shape {array.shape}, expected bool of shape "
                f"{layer.shape}. Make the mask with this network's own structure."
            )


def _planes(mask: np.ndarray) -> np.ndarray:
    """Return a mask as [taps, out, in / groups]: contiguous planes are several times faster to combine."""
    outputs, inputs = mask.shape[:2]
    return np.ascontiguousarray(mask.reshape(outputs, inputs, -1).transpose(2, 0, 1))


def _taps(node: Node) -> tuple[int, ...]:
    return node.taps if node.operation == "conv" else (0,)


def _joined(node: Node, planes: Arrays) -> np.ndarray | None:
    """Return [groups, out / groups, in / groups]: which input channel reaches which output channel."""
    if node.layer is None:
        return None
    layer = planes[node.layer]
    some = np.zeros(layer.shape[1:], dtype=bool)
    for tap in _taps(node):
        some |= layer[tap]
    return some.reshape(node.groups, -1, layer.shape[2])


def _reached(nodes: Sequence[Node], joined: Sequence[np.ndarray | None]) -> Channels:
    """Return which channels of every node a path from the input reaches."""
    reached: Channels = []
    for node, weights in zip(nodes, joined, strict=True):
        sources = [reached[place] for place in node.inputs]
        reached.append(_forward(node, weights, sources))
    return reached


def _any(values: np.ndarray | Channels, *, axis: int) -> np.ndarray:
    found: np.ndarray = np.logical_or.reduce(values, axis=axis)
    return found


def _forward(node: Node, weights: np.ndarray | None, sources: Channels) -> np.ndarray:
    if weights is not None:
        grouped = sources[0].reshape(node.groups, 1, -1)
        return _any(weights & grouped, axis=2).reshape(-1)
    if node.operation == "input":
        return np.ones(node.channels, dtype=bool)
    if node.operation in ("add", "channelwise"):
        return _any(sources, axis=0)
    if node.operation in ("concat", "output"):
        return np.concatenate([np.zeros(0, dtype=bool), *sources])
    if node.operation == "flatten":
        return np.repeat(sources[0], node.channels // len(sources[0]))
    return np.full(node.channels, any(source.any() for source in sources))  # "mix"


def _leading(nodes: Sequence[Node], joined: Sequence[np.ndarray | None]) -> Channels:
    """Return from which channels of every node a path leads to the output."""
    leading = [np.full(node.channels, node.operation == "output") for node in nodes]
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        sizes = [nodes[source].channels for source in node.inputs]
        shares = _backward(node, joined[place], leading[place], sizes)
        for source, share in zip(node.inputs, shares, strict=True):
            leading[source] |= share
    return leading


def _backward(node: Node, weights: np.ndarray | None, leading: np.ndarray, sizes: Sequence[int]) -> Channels:
    """Return, per input of a node, from which of its channels a path leads on."""
    if weights is not None:
        grouped = leading.reshape(node.groups, -1, 1)
        return [_any(weights & grouped, axis=1).reshape(-1)]
    if node.operation in ("add", "channelwise"):
        return [leading for _ in sizes]
    if node.operation in ("concat", "output"):
        return np.split(leading, list(accumulate(sizes))[:-1]) if sizes else []
    if node.operation == "flatten":
        return [_any(leading.reshape(sizes[0], -1), axis=1)]
    return [np.full(size, leading.any()) for size in sizes]  # "mix"


def _effective(
    planes: np.ndarray, places: Sequence[int], nodes: Sequence[Node], reached: Channels, leading: Channels
) -> int:
    """Count a layer's kept weights that join a reached channel to a leading one, at any of its places."""
    count = 0
    for tap, plane in enumerate(planes):
        useful = np.zeros_like(plane)
        for place in places:
            if tap in _taps(nodes[place]):
                useful |= _on_path(nodes[place], reached, leading[place])
        count += int(np.count_nonzero(plane & useful))
    return count


def _on_path(node: Node, reached: Channels, leading: np.ndarray) -> np.ndarray:
    """Return [out, in / groups]: where a weight of a node would lie on a path from input to output."""
    sources = reached[node.inputs[0]].reshape(node.groups, 1, -1)
    targets = leading.reshape(node.groups, -1, 1)
    grouped: np.ndarray = sources & targets
    return grouped.reshape(-1, grouped.shape[2])
