"""Paths of kept weights, by channel and position: how far they come from the input, and what leads to the output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, product
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Node

Maps = list[np.ndarray]
"""One bool array [channels, height, width] (or [features]) per node of a structure."""

Shape = tuple[int, ...]
Tap = tuple[tuple[int, ...], ...]
"""Per axis, the positions that one tap of a kernel reads."""


def reached_maps(nodes: Sequence[Node], planes: Arrays) -> Maps:
    """Return which positions a path from the input reaches.

    Args:
        nodes: each after those it reads.
        planes: per layer, the mask as [taps, out, in / groups].
    """
    reached: Maps = []
    for node in nodes:
        reached.append(_forward(node, planes, [reached[place] for place in node.inputs]))
    return reached


def leading_maps(nodes: Sequence[Node], planes: Arrays) -> Maps:
    """Return from which positions a path leads to the output; takes what `reached_maps` takes."""
    leading = [np.full(node.shape, node.operation == "output") for node in nodes]
    for node, here in zip(reversed(nodes), reversed(leading), strict=True):
        shares = _backward(node, planes, here, [nodes[place].shape for place in node.inputs])
        for place, share in zip(node.inputs, shares, strict=True):
            leading[place] |= share
    return leading


def taps_read(node: Node, source: np.ndarray) -> Iterator[np.ndarray]:
    """Yield, per tap of a node's kernel, the map [channels, height, width] that it reads of its input's.

    A Linear layer is a kernel of one tap that reads everything.
    """
    bordered = _bordered(source.shape)
    _without_border(bordered)[...] = source
    for tap in product(*node.window):
        yield bordered[_at(*tap)]


def boolean_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return whether any k has left [..., n, k] and right [..., k, m]; as float32, because that is fast."""
    found: np.ndarray = np.matmul(left.astype(np.float32), right.astype(np.float32)) > 0
    return found


def grouped(values: np.ndarray, groups: int) -> np.ndarray:
    """Return [groups, out / groups, ...] of a map's positions or of a plane's inputs."""
    return values.reshape(groups, len(values) // groups, -1)


def _forward(node: Node, planes: Arrays, sources: Maps) -> np.ndarray:
    if node.layer is not None:
        return _layer_forward(node, planes[node.layer], sources[0])
    if node.operation == "window":
        return _union(taps_read(node, sources[0]), node.shape)
    if node.operation == "channelwise":
        return _union((_spread(source, node.shape) for source in sources), node.shape)
    if node.operation in ("add", "pointwise"):
        return _union(sources, node.shape)
    if node.operation == "concat":
        return np.concatenate(sources)
    if node.operation == "output":
        return np.concatenate([np.zeros(0, bool), *(_spread(source, source.shape[:1]) for source in sources)])
    if node.operation == "reshape":
        return sources[0].reshape(node.shape)
    return np.full(node.shape, node.operation == "input" or any(source.any() for source in sources))


def _backward(node: Node, planes: Arrays, here: np.ndarray, shapes: Sequence[Shape]) -> Maps:
    """Return, per input of a node, from which of its positions a path leads on."""
    if node.layer is not None:
        return [_layer_backward(node, planes[node.layer], here, shapes[0])]
    if node.operation == "window":
        return [_window_backward(node, here, shapes[0])]
    if node.operation == "channelwise":
        return [_spread(here, shape) for shape in shapes]
    if node.operation in ("add", "pointwise"):
        return [_narrowed(here, shape) for shape in shapes]
    if node.operation == "concat":
        return np.split(here, list(accumulate(shape[0] for shape in shapes))[:-1])
    if node.operation == "reshape":
        return [here.reshape(shapes[0])]
    return [np.full(shape, here.any()) for shape in shapes]  # "output" and "mix"


def _layer_forward(node: Node, planes: np.ndarray, source: np.ndarray) -> np.ndarray:
    result = np.zeros(node.shape, dtype=bool)
    for plane, read in zip(planes, taps_read(node, source), strict=True):
        met = boolean_product(grouped(plane, node.groups), grouped(read, node.groups))
        result |= met.reshape(node.shape)
    return result


def _layer_backward(node: Node, planes: np.ndarray, here: np.ndarray, shape: Shape) -> np.ndarray:
    targets = grouped(here, node.groups)  # [groups, out / groups, positions]
    bordered = _bordered(shape)
    for plane, tap in zip(planes, product(*node.window), strict=True):
        weights = grouped(plane, node.groups).transpose(0, 2, 1)
        met = boolean_product(weights, targets)
        _write(bordered, tap, met.reshape(shape[0], *node.map_size))
    return _without_border(bordered)


def _window_backward(node: Node, here: np.ndarray, shape: Shape) -> np.ndarray:
    bordered = _bordered(shape)
    for tap in product(*node.window):
        _write(bordered, tap, here)
    return _without_border(bordered)


def _bordered(shape: Shape) -> np.ndarray:
    """Return an empty map with one more position at the end of each axis: position -1, the padding."""
    return np.zeros((shape[0], *(length + 1 for length in shape[1:])), dtype=bool)


def _without_border(bordered: np.ndarray) -> np.ndarray:
    return bordered[(slice(None), *[slice(-1)] * (bordered.ndim - 1))]


def _at(*positions: Any) -> tuple[Any, ...]:
    """Return the index of every channel at the given rows and columns."""
    return (slice(None), *np.ix_(*positions))


def _write(bordered: np.ndarray, tap: Tap, values: np.ndarray) -> None:
    """Mark the positions that a tap reads for the marked positions of its result."""
    for turn in product(*(_turns(positions) for positions in tap)):
        read = [np.asarray(positions)[places] for positions, places in zip(tap, turn, strict=True)]
        bordered[_at(*read)] |= values[_at(*turn)]


def _turns(positions: tuple[int, ...]) -> list[np.ndarray]:
    """Split places into groups that read no position twice, so that none overwrites another (but padding)."""
    turns = np.array(
        [0 if read < 0 else positions[:place].count(read) for place, read in enumerate(positions)]
    )
    return [np.flatnonzero(turns == turn) for turn in range(turns.max() + 1)]


def _union(maps: Iterable[np.ndarray], shape: Shape) -> np.ndarray:
    result = np.zeros(shape, dtype=bool)
    for values in maps:
        result |= values
    return result


def _spread(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Return a map of another size, True wherever the channel is True anywhere."""
    some = values.reshape(len(values), -1).any(axis=1)
    return np.broadcast_to(some.reshape(-1, *[1] * (len(shape) - 1)), shape)


def _narrowed(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Return a map reduced to the axes of size 1 that were repeated to fill it."""
    axes = tuple(axis for axis, length in enumerate(shape) if length < values.shape[axis])
    return np.logical_or.reduce(values, axis=axes, keepdims=True)
