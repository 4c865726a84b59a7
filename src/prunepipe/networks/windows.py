"""Which positions of a map each position of the next one reads: kernels, pools, paddings and slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from torch import fx, nn
from torch.nn.modules import padding, pooling

from prunepipe.networks.operations import Shape, argument
from prunepipe.networks.structure import Window

PADDING = -1
"""Read where a constant is."""

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
_ADAPTIVE_POOLS = (pooling.AdaptiveAvgPool2d, pooling.AdaptiveMaxPool2d)
_FILLED = (padding.ZeroPad2d, padding.ConstantPad2d)
_BORDERS = {
    padding.ReflectionPad2d: "reflect",
    padding.ReplicationPad2d: "replicate",
    padding.CircularPad2d: "circular",
    **dict.fromkeys(_FILLED, "constant"),
}
_NUMPY_MODES: dict[str, Literal["reflect", "edge", "wrap"]] = {
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}

Axis = tuple[tuple[int, ...], ...]


def of_convolution(convolution: nn.Conv2d, size: Shape, result: Shape) -> Window | None:
    """Return what every tap of a convolution's kernel reads.

    Args:
        convolution: with its stride, padding and dilation.
        size: (height, width) of its input.
        result: (height, width) of its output.
    Returns:
        A window, or None for a subclass that computes its output in its own way.
    """
    kind = type(convolution)
    if kind.forward is not nn.Conv2d.forward or kind._conv_forward is not nn.Conv2d._conv_forward:
        return None
    # Lists the last axis first, and knows what padding="same" comes to (it may be uneven).
    amounts = convolution._reversed_padding_repeated_twice
    positions = _padded(size, amounts, convolution.padding_mode)
    extents = (result, convolution.kernel_size, convolution.stride, convolution.dilation)
    return tuple(_axis(*axis) for axis in zip(positions, *extents, strict=True))


def unfollowed(kernel: Shape, size: Shape) -> Window:
    """Return a window whose taps all read the position of the result itself, and no padding."""
    return tuple((tuple(range(length)),) * taps for taps, length in zip(kernel, size, strict=True))


def of_module(module: nn.Module, size: Shape, result: Shape) -> Window | None:
    """Return the window of a pool or a padding of maps [height, width], or None if it is something else."""
    if len(size) != 2 or len(result) != 2:
        return None
    if isinstance(module, _POOLS):
        extents = (module.kernel_size, module.stride, module.padding, getattr(module, "dilation", 1))
        return _pool(size, result, *extents)
    if isinstance(module, _ADAPTIVE_POOLS):
        return _adaptive_pool(size, result)
    if type(module) in _BORDERS:
        return _padding(size, module.padding, _BORDERS[type(module)])
    return None


def of_call(node: fx.Node, name: str, size: Shape, result: Shape) -> Window | None:
    """Return the window of a call of a function, by its plain name, or None if it cannot be followed."""
    if name == "getitem":
        return _slices(node.args[1], size)
    if len(size) != 2 or len(result) != 2:
        return None
    if name in ("max_pool2d", "avg_pool2d"):
        dilation = argument(node, 4, "dilation", 1) if name == "max_pool2d" else 1
        kernel, stride = argument(node, 1, "kernel_size"), argument(node, 2, "stride")
        return _pool(size, result, kernel, stride, argument(node, 3, "padding", 0), dilation)
    if name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        return _adaptive_pool(size, result)
    if name == "pad":
        return _padding(size, argument(node, 1, "pad", ()), argument(node, 2, "mode", "constant"))
    return None


def _padded(size: Shape, amounts: Sequence[int], mode: str) -> list[np.ndarray]:
    """Return, per axis, the positions of a padded map; amounts are listed from the last axis to the first."""
    padded = []
    for place, length in enumerate(reversed(size)):
        around = tuple(amounts[2 * place : 2 * place + 2])
        if mode in _NUMPY_MODES:
            padded.append(np.pad(np.arange(length), around, mode=_NUMPY_MODES[mode]))
        else:
            padded.append(np.pad(np.arange(length), around, constant_values=PADDING))
    return padded[::-1]


def _axis(positions: np.ndarray, result: int, kernel: int, stride: int, dilation: int) -> Axis:
    """Return [kernel][result]: where a kernel that moves along padded positions reads."""
    starts = np.arange(result) * stride
    return tuple(tuple(positions[starts + tap * dilation].tolist()) for tap in range(kernel))


def _pair(value: Any) -> tuple[int, int] | None:
    """Return (vertical, horizontal) of a number or a pair of them; None if it is known at run time only."""
    pair = (value, value) if isinstance(value, int) else value
    whole = isinstance(pair, (tuple, list)) and all(isinstance(part, int) for part in pair)
    return (pair[0], pair[-1]) if whole and pair else None


def _pool(size: Shape, result: Shape, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window | None:
    pairs = [_pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation)]
    extents = [pair for pair in pairs if pair is not None]
    if len(extents) < len(pairs):
        return None
    axes = []
    for length, count, taps, step, before, spread in zip(size, result, *extents, strict=True):
        reach = (count - 1) * step + (taps - 1) * spread + 1  # with ceil_mode farther than the padding
        after = max(0, reach - before - length)
        positions = np.pad(np.arange(length), (before, after), constant_values=PADDING)
        axes.append(_axis(positions, count, taps, step, spread))
    return tuple(axes)


def _adaptive_pool(size: Shape, result: Shape) -> Window:
    axes = []
    for length, count in zip(size, result, strict=True):
        starts = [place * length // count for place in range(count)]
        ends = [-(-(place + 1) * length // count) for place in range(count)]
        taps = max(end - start for start, end in zip(starts, ends, strict=True))
        spans = [
            [*range(start, end), *[PADDING] * taps][:taps] for start, end in zip(starts, ends, strict=True)
        ]
        axes.append(tuple(zip(*spans, strict=True)))
    return tuple(axes)


def _padding(size: Shape, amounts: Any, mode: str) -> Window | None:
    known = isinstance(amounts, (tuple, list)) and all(isinstance(amount, int) for amount in amounts)
    if not known or min(amounts, default=0) < 0:
        return None
    around = [*amounts[: 2 * len(size)], *[0] * (2 * len(size) - len(amounts))]
    return tuple((tuple(positions.tolist()),) for positions in _padded(size, around, mode))


def _slices(index: Any, size: Shape) -> Window | None:
    """Return the window of x[index], whose first two entries take everything."""
    taken = [*index[2:], *[slice(None)] * (len(size) + 2 - len(index))]
    if len(taken) != len(size) or not all(isinstance(part, slice) for part in taken):
        return None
    bounds = [bound for part in taken for bound in (part.start, part.stop, part.step)]
    if any(isinstance(bound, fx.Node) for bound in bounds):
        return None
    return tuple((tuple(range(length)[part]),) for length, part in zip(size, taken, strict=True))
