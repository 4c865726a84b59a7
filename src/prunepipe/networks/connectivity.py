"""Which kept weights still lie on a path from input to output, read from the mask alone; no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.paths import Maps, boolean_product, grouped, leading_maps, reached_maps, taps_read
from prunepipe.networks.structure import Layer, Node, Structure


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

    Exact by channel and position: a weight all of whose paths end in zero padding is not effective. Where
    positions cannot be followed, every position of a channel counts as reaching all others, or every value
    all others (see `Node`), so no weight is called cut off that is not. Biases and normalisation shifts start
    no path: what they alone feed is the same for every image.

    Args:
        mask: bool, True = kept, one array per prunable layer, shaped like its weight.
        structure: the network's layers, and the graph of channels and positions that joins them.
    Returns:
        Effective weights, dead units and whether the network has collapsed.
    Raises:
        ScoreError: the mask does not fit the structure.
    Source: Vysogorets, Kempe, "Connectivity Matters: Neural Network Pruning Through the Lens of Effective
        Sparsity", JMLR 2023, section 3.
    """
    _require_fit(mask, structure.layers)
    planes = {layer.name: _planes(mask[layer.name]) for layer in structure.layers}
    nodes = structure.nodes
    reached, leading = reached_maps(nodes, planes), leading_maps(nodes, planes)
    effective, dead_units = {}, {}
    for layer in structure.layers:
        effective[layer.name] = _effective(planes[layer.name], nodes, reached, leading, layer.name)
        dead_units[layer.name] = layer.shape[0] - _alive(nodes, reached, leading, layer)
    ends = [place for place, node in enumerate(nodes) if node.operation == "output"]
    return Connectivity(effective, dead_units, not any(reached[place].any() for place in ends))


def _alive(nodes: Sequence[Node], reached: Maps, leading: Maps, layer: Layer) -> int:
    """Count a layer's output channels that a path passes, at any position, wherever it is called."""
    alive = np.zeros(layer.shape[0], dtype=bool)
    for node, before, after in zip(nodes, reached, leading, strict=True):
        if node.layer == layer.name:
            alive |= (before & after).reshape(layer.shape[0], -1).any(axis=1)
    return int(alive.sum())


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


def _effective(planes: np.ndarray, nodes: Sequence[Node], reached: Maps, leading: Maps, name: str) -> int:
    """Count a layer's kept weights that join a reached position to a leading one, wherever it is called."""
    useful = np.zeros_like(planes)
    for node, targets in zip(nodes, leading, strict=True):
        if node.layer == name:
            useful |= _on_path(node, reached[node.inputs[0]], targets).reshape(planes.shape)
    return int(np.count_nonzero(useful & planes))


def _on_path(node: Node, source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return [taps, groups, out / groups, in / groups]: where a weight would lie on a path from input to output."""
    leads = grouped(targets, node.groups)  # [groups, out / groups, positions]
    reads = [grouped(read, node.groups).transpose(0, 2, 1) for read in taps_read(node, source)]
    return np.stack([boolean_product(leads, read) for read in reads])
