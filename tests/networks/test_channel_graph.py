"""What each operation of a forward pass does to channels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace


class Plain(nn.Module):
    """A convolution to four channels, whatever a test does to them, and a Linear layer."""

    def __init__(self, between: Callable[[Tensor], Tensor], outputs: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.between = between
        self.head = nn.Linear(outputs, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.between(self.conv(images)).mean((2, 3)))


class Gate(nn.Module):
    """One map that every channel is multiplied with."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        return features * torch.sigmoid(self.conv(features))


@torch.fx.wrap
def sigmoid(features: Tensor) -> Tensor:
    """A user's opaque function that only bears the name of a known one."""
    return features.flip(1)


def _trace(network: nn.Module) -> Structure:
    return trace(network, channels=2, image_size=8)


@pytest.mark.parametrize(
    "between",
    [
        F.relu,
        F.gelu,
        F.hardswish,
        lambda x: x.relu_(),
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.dropout(x, 0.5),
        lambda x: 2 * x - 1,
        lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
        lambda x: F.pad(x, (1, 1, 1, 1)),
        lambda x: x[:, :, 1:, ::2],
        lambda x: x.contiguous().to(torch.float32),
        lambda x: x.view(x.size(0), x.shape[1], -1).unsqueeze(-1),
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: x + torch.ones(1, 4, 1, 1),
        nn.BatchNorm2d(4),
        nn.InstanceNorm2d(4, affine=True),
        nn.GroupNorm(4, 4),
        nn.PReLU(4),
        nn.ZeroPad2d(1),
        nn.AdaptiveMaxPool2d(2),
    ],
)
def test_operations_that_keep_channels_apart(between: Callable[[Tensor], Tensor]) -> None:
    operations = {node.operation for node in _trace(Plain(between)).nodes}
    apart = {"pointwise", "window", "channelwise", "reshape", "add"}
    assert operations & apart
    assert operations <= {"input", "conv", "linear", "output"} | apart


@pytest.mark.parametrize(
    ("between", "outputs"),
    [
        (lambda x: torch.softmax(x, 1), 4),
        (lambda x: x.permute(0, 2, 3, 1), 8),
        (lambda x: x.transpose(1, 2), 8),
        (lambda x: x.flip(1), 4),
        (lambda x: x[:, 1:], 3),
        (lambda x: x.mean(1, keepdim=True), 1),
        (lambda x: x - x.mean(), 4),
        (lambda x: x * x.mean(1, keepdim=True), 4),
        (lambda x: x.chunk(2, dim=1)[0], 2),
        (lambda x: x[:, [3, 2, 1, 0], :], 4),
        (lambda x: x[:, :, :4].mean(1).unsqueeze(-1), 4),  # [N, C, 4, W] -> [N, 4, W, 1], and C = 4
        (lambda x: sigmoid(x), 4),
        (Gate(), 4),
        (lambda x: F.pad(x, (0, 0, 0, 0, 1, -1)), 4),
        (lambda x: F.pad(x, (0, 0, 0, 0, 0, 1), value=2.0), 5),
        (lambda x: torch.cat([x, x], 2), 4),
        (lambda x: torch.nn.functional.normalize(x), 4),
        (nn.GroupNorm(2, 4), 4),
        (nn.LocalResponseNorm(2), 4),
        (nn.Softmax2d(), 4),
        (nn.PixelShuffle(2), 1),
        (nn.ConvTranspose2d(4, 4, 2), 4),
    ],
)
def test_operations_that_may_mix_channels(between: Callable[[Tensor], Tensor], outputs: int) -> None:
    structure = _trace(Plain(between, outputs))
    operations = {node.operation for node in structure.nodes}
    assert "mix" in operations
    assert "concat" not in operations
    assert [node.channels for node in structure.nodes if node.operation == "linear"] == [3]


@pytest.mark.parametrize(
    "join", [torch.add, lambda x, y: x + y, lambda x, y: x.add_(y), lambda x, y: x - y, torch.maximum]
)
def test_sums_of_two_paths_are_residual(join: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert _trace(Plain(lambda x: join(x.relu(), x.sigmoid()))).residual


@pytest.mark.parametrize("between", [lambda x: x * x.sigmoid(), lambda x: x + 1, lambda x: x + x])
def test_products_and_constants_are_not_residual(between: Callable[[Tensor], Tensor]) -> None:
    assert not _trace(Plain(between)).residual
