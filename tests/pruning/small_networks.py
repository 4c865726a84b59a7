"""Networks small enough for oracles, and structures without any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunepipe.networks.resnet import resnet8
from prunepipe.networks.structure import Layer, Structure
from prunepipe.pruning.scores.contract import Batches, Scores


class Mixed(nn.Module):
    """Everything that a convolution can be: grouped, strided, dilated, padded circularly, called twice.

    The first ReLU overwrites the output of a convolution in place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.grouped = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.twice = nn.Conv2d(6, 6, 3, padding=2, dilation=2, padding_mode="circular")
        self.pointwise = nn.Conv2d(6, 5, 1)
        self.head = nn.Linear(5, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.first(images))
        features = torch.relu(self.norm(self.grouped(features)))
        features = torch.relu(self.twice(torch.relu(self.twice(features))))
        features = self.pointwise(features.mean(dim=(2, 3), keepdim=True))
        logits: torch.Tensor = self.head(features.flatten(1))
        return logits


def smooth_network() -> nn.Sequential:
    """A network of 62 prunable weights with BatchNorm, smooth everywhere, for exact second derivatives."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 2),
        nn.BatchNorm2d(3),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    """Draw every parameter and running statistic anew, in float64, so that nothing is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(seed)
    network = network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator, dtype=torch.float64))
            elif name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator, dtype=torch.float64))
    return network


def random_batch(
    samples: int, channels: int = 3, size: int = 6, classes: int = 3, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images [N, C, size, size] in float64 and labels sorted by class."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(samples, channels, size, size, generator=generator, dtype=torch.float64)
    return images, torch.arange(samples) * classes // samples


def make_structure(*layers: tuple[str, tuple[int, ...]], residual: bool = False) -> Structure:
    """Layers of (kind, shape), named layer0, layer1, ...."""
    named = tuple(Layer(f"layer{i}", kind, shape) for i, (kind, shape) in enumerate(layers))
    return Structure(named, residual)


def stream(seed: int = 0) -> torch.Generator:
    """A generator for one call."""
    return torch.Generator().manual_seed(seed)


def score(
    function: Callable[..., Scores], network: nn.Module, batches: Batches, seed: int = 0, **options: Any
) -> Scores:
    """Call a score with cross-entropy."""
    return function(network, batches, cross_entropy, generator=stream(seed), **options)


NETWORKS = {
    "mixed": lambda: seeded(Mixed()),
    "residual": lambda: seeded(resnet8(channels=3, classes=3, image_size=6, width=1 / 16)),
}
