"""What each position of a map reads: against the operation itself, run on images of one bright pixel each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prunepipe.networks.paths import reached_maps
from prunepipe.networks.structure import Node, Structure, Window
from prunepipe.networks.tracing import trace


class Between(nn.Module):
    """A 1x1 convolution, and an operation on its map."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.operation = operation

    def forward(self, images: Tensor) -> Tensor:
        return self.operation(self.conv(images))


class Taller(nn.Module):
    """Makes the square images of `trace` one pixel less wide."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images[:, :, :, 1:])


def _nodes(network: nn.Module, size: int) -> tuple[Node, ...]:
    return trace(Taller(network), channels=1, image_size=size + 1).nodes[2:-1]


def _bright_pixels(size: int) -> Tensor:
    """One image [1, size + 1, size] per pixel, in which it alone is 1."""
    pixels = (size + 1) * size
    return torch.eye(pixels).reshape(pixels, 1, size + 1, size)


def _read_by_operation(operation: Callable[[Tensor], Tensor], size: int) -> np.ndarray:
    """Return [positions of the result, positions of the input]: which pixel changes which position."""
    dark = operation(torch.zeros(1, 1, size + 1, size))
    changed = operation(_bright_pixels(size)) != dark
    return changed.flatten(1).T.numpy()


def _read_by_tap(tap: tuple[tuple[int, ...], ...], size: int) -> np.ndarray:
    rows, columns = tap
    read = np.zeros((len(rows), len(columns), size + 1, size), dtype=bool)
    for (i, row), (j, column) in product(enumerate(rows), enumerate(columns)):
        read[i, j, row, column] = row >= 0 and column >= 0
    return read.reshape(len(rows) * len(columns), -1)


def _read_by_window(window: Window, size: int) -> np.ndarray:
    return np.logical_or.reduce([_read_by_tap(tap, size) for tap in product(*window)])


OPERATIONS = {
    "max-pool": nn.MaxPool2d(2),
    "max-pool, overlapping": nn.MaxPool2d((3, 2), stride=(1, 2), padding=1),
    "max-pool, dilated": nn.MaxPool2d(2, stride=1, dilation=2),
    "max-pool, last window over the edge": nn.MaxPool2d(2, stride=3, ceil_mode=True),
    "average pool": nn.AvgPool2d(3, stride=2, padding=1),
    "average pool, last window over the edge": nn.AvgPool2d(3, stride=3, padding=1, ceil_mode=True),
    "adaptive average": nn.AdaptiveAvgPool2d((2, 3)),
    "adaptive maximum": nn.AdaptiveMaxPool2d((None, 3)),
    "adaptive, larger": nn.AdaptiveAvgPool2d(7),
    "zero padding": nn.ZeroPad2d((1, 0, 2, 3)),
    "constant padding": nn.ConstantPad2d(1, 2.0),
    "reflection": nn.ReflectionPad2d((2, 1, 0, 1)),
    "replication": nn.ReplicationPad2d(2),
    "circular padding": nn.CircularPad2d((0, 2, 1, 1)),
    "function max_pool2d": lambda x: F.max_pool2d(x, 3, stride=2, padding=1, dilation=1, ceil_mode=True),
    "function torch.max_pool2d": lambda x: torch.max_pool2d(x, 2, 1),
    "function avg_pool2d": lambda x: F.avg_pool2d(x, kernel_size=(2, 3), padding=(1, 0)),
    "function adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (3, 1)),
    "function adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 2),
    "function pad": lambda x: F.pad(x, (1, 2)),
    "function pad, with a value": lambda x: F.pad(x, (1, 0, 0, 1), value=3.0),
    "function pad, reflected": lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"),
    "slices": lambda x: x[:, :, 1:-1, ::2],
    "slice of rows": lambda x: x[:, :, 1::2],
}


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("name", OPERATIONS)
def test_windows_are_what_the_operation_reads(name: str, size: int) -> None:
    operation = OPERATIONS[name]
    (_, node) = _nodes(Between(operation), size)
    assert node.operation == "window"
    np.testing.assert_array_equal(_read_by_window(node.window, size), _read_by_operation(operation, size))


def _read_by_paths(operation: Callable[[Tensor], Tensor], size: int) -> np.ndarray:
    """Return [positions of the result, positions of the input]: where a path from each single pixel leads."""
    nodes = trace(Taller(Between(operation)), channels=1, image_size=size + 1).nodes
    conv = nodes[2]
    reached = []
    for place in np.ndindex(conv.map_size):
        lit = zip(place, conv.map_size, strict=True)
        window = tuple((tuple(i if i == pixel else -1 for i in range(length)),) for pixel, length in lit)
        only = Node("window", conv.inputs, 1, conv.map_size, window=window)
        reached.append(reached_maps([*nodes[:2], only, *nodes[3:-1]], {})[-1].flatten())
    return np.array(reached).T


@pytest.mark.parametrize(
    "operation",
    [
        F.relu,
        nn.BatchNorm2d(1).eval(),
        lambda x: x.view(x.shape[0], 1, -1),
        lambda x: torch.flatten(x, 1),
        lambda x: x.mean((2, 3)),
        lambda x: x + x.mean((2, 3), keepdim=True),
        lambda x: torch.cat([x, x], 1).flatten(1),
        lambda x: F.pad(x, (1, 0, 0, 0, 1, 0)).unsqueeze(1),
        nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), nn.Flatten()),
    ],
)
def test_other_operations_are_followed_exactly(operation: Callable[[Tensor], Tensor]) -> None:
    np.testing.assert_array_equal(_read_by_paths(operation, 3), _read_by_operation(operation, 3))


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x.mean(3),
        lambda x: F.interpolate(x, scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.InstanceNorm2d(1),
        nn.LPPool2d(2, 2),
        lambda x: F.avg_pool2d(x, x.size(3)),
        lambda x: F.pad(x, (-1, 1)),
        lambda x: x[:, :, :, : x.size(2) // 2],
        lambda x: x[:, :, 0],
        lambda x: x.flip(3),
        lambda x: x.transpose(2, 3),
        lambda x: torch.cat([x, x], 2),
        lambda x: x.unfold(2, 2, 1),
        lambda x: F.softmax(x.flatten(2), 2),
    ],
)
def test_no_path_is_lost_where_positions_are_not_followed(operation: Callable[[Tensor], Tensor]) -> None:
    assert (_read_by_paths(operation, 4) >= _read_by_operation(operation, 4)).all()


KERNELS = [
    (kernel, stride, padding, dilation, size)
    for kernel in ((3, 3), (2, 1))
    for stride in (1, 2, 3)
    for padding in (0, 2, "same")
    for dilation in (1, 2)
    for size in (1, 2, 3, 5)
    if (padding != "same" or stride == 1)  # torch has no strided "same"
    and (padding != 0 or size > (kernel[0] - 1) * dilation)  # the kernel must fit
]


def _assert_taps_read_what_the_convolution_reads(convolution: nn.Conv2d, size: int) -> None:
    (node,) = _nodes(convolution, size)
    taps = list(product(*node.window))
    weight = convolution.weight.data.flatten()
    assert len(taps) == len(weight)
    for place, tap in enumerate(taps):
        weight.zero_()[place] = 1
        np.testing.assert_array_equal(_read_by_tap(tap, size), _read_by_operation(convolution, size))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "size"), KERNELS)
def test_taps_read_what_the_convolution_reads(
    kernel: tuple[int, int], stride: int, padding: int | str, dilation: int, size: int
) -> None:
    convolution = nn.Conv2d(1, 1, kernel, stride, padding, dilation)
    _assert_taps_read_what_the_convolution_reads(convolution, size)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(1, 2), "same"])
def test_taps_follow_borders_of_every_kind(mode: str, padding: tuple[int, int] | str) -> None:
    convolution = nn.Conv2d(1, 1, (3, 2), padding=padding, padding_mode=mode)
    _assert_taps_read_what_the_convolution_reads(convolution, 4)


class OwnConv(nn.Conv2d):
    """A user's own kind of convolution, which may do anything to positions."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.flip(2))


def test_a_convolution_of_ones_own_is_followed_by_channel() -> None:
    spread, node = _nodes(OwnConv(1, 1, 3, padding=1), 2)
    assert (spread.operation, node.operation) == ("channelwise", "conv")
    assert node.window == (((0, 1, 2),) * 3, ((0, 1),) * 3)


def test_a_structure_with_windows_survives_json() -> None:
    structure = trace(Between(nn.MaxPool2d(2)), channels=1, image_size=5)
    assert structure.nodes[2].shape == (1, 2, 2)
    assert structure.nodes[2].window == (((0, 2), (1, 3)),) * 2
    assert Structure.from_json(structure.to_json()) == structure
