"""Small networks with the constructions that real ones are made of, shared by several tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prunepipe.networks.resnet import ResNet
from prunepipe.networks.vgg import VGG

CHANNELS, CLASSES, IMAGE_SIZE = 2, 3, 8


def tiny_vgg() -> nn.Module:
    return VGG((3, "M", 4, "M", 4, "M", 3), channels=CHANNELS, classes=CLASSES)


def tiny_resnet() -> nn.Module:
    return ResNet(1, (2, 3, 4), channels=CHANNELS, classes=CLASSES)


class Branches(nn.Module):
    """Concatenation, groups, strides, a 1x1 convolution, a flattened map, two Linear layers, no BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 4, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.pointwise = nn.Conv2d(4, 2, 1)
        self.pool = nn.AvgPool2d(2)
        self.hidden = nn.Linear(8 * 4, 5)
        self.head = nn.Linear(5, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        stem = F.relu(self.stem(images))
        both = torch.cat([self.grouped(stem).relu(), self.pointwise(stem)], dim=1)
        flat = self.pool(both).view(images.size(0), -1)
        return self.head(torch.relu(self.hidden(flat)))


class PaddedShortcut(nn.Module):
    """The parameter-free shortcut of He et al. (option A): every second pixel, new channels filled with zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(CHANNELS, 2, 3, padding=1, bias=False)
        self.second = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = F.relu(self.first(images))
        shortcut = F.pad(features[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        joined = F.relu(self.second(features) + shortcut)
        return self.head(F.adaptive_avg_pool2d(joined, 1).flatten(1))


class SharedLayer(nn.Module):
    """One convolution called twice, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 3, 3, padding=1)
        self.again = nn.Conv2d(3, 3, 3, padding=1)
        self.never = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = self.again(self.stem(images))
        features = self.again(F.avg_pool2d(features, 8))
        return self.head(features.mean((2, 3)))


EXAMPLES = {
    "vgg": tiny_vgg,
    "resnet": tiny_resnet,
    "branches": Branches,
    "padded shortcut": PaddedShortcut,
    "shared layer": SharedLayer,
}
