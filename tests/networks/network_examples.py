"""Small networks with the constructions that real ones are made of, shared by several tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prunepipe.networks.resnet import ResNet
from prunepipe.networks.vgg import VGG

CHANNELS, CLASSES, IMAGE_SIZE = 2, 3, 8


def tiny_vgg(size: int = IMAGE_SIZE) -> nn.Module:
    """Four convolutions, and up to three pools: as many as the images are large enough for."""
    pools = min(3, size.bit_length() - 1)
    stages = [[count, "M"][: 1 + (place < pools)] for place, count in enumerate((3, 4, 4, 3))]
    return VGG([entry for stage in stages for entry in stage], channels=CHANNELS, classes=CLASSES)


def unpooled_vgg(size: int = IMAGE_SIZE) -> nn.Module:
    del size  # any will do
    return VGG((3, 4, 4), channels=CHANNELS, classes=CLASSES)


def tiny_resnet(size: int = IMAGE_SIZE) -> nn.Module:
    del size  # any will do
    return ResNet(1, (2, 3, 4), channels=CHANNELS, classes=CLASSES)


class Branches(nn.Module):
    """Concatenation, groups, strides, a 1x1 convolution, a flattened map, two Linear layers, no BatchNorm."""

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 4, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.pointwise = nn.Conv2d(4, 2, 1)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.hidden = nn.Linear(8 * (-(-size // 4)) ** 2, 5)
        self.head = nn.Linear(5, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        stem = F.relu(self.stem(images))
        both = torch.cat([self.grouped(stem).relu(), self.pointwise(stem)], dim=1)
        flat = self.pool(both).view(images.size(0), -1)
        return self.head(torch.relu(self.hidden(flat)))


class PaddedShortcut(nn.Module):
    """The parameter-free shortcut of He et al. (option A): every second pixel, new channels filled with zeros."""

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        del size  # any will do
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

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        del size  # any will do
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 3, 3, padding=1)
        self.again = nn.Conv2d(3, 3, 3, padding=1)
        self.never = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        features = self.again(self.stem(images))
        features = self.again(F.adaptive_avg_pool2d(features, 1))
        return self.head(features.mean((2, 3)))


class Windows(nn.Module):
    """Dilation, borders of every kind, overlapping and uneven pools, a crop, a flattened map."""

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        del size  # any will do
        super().__init__()
        self.dilated = nn.Conv2d(CHANNELS, 4, 3, padding="same", dilation=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.circular = nn.Conv2d(4, 4, (3, 1), padding=(1, 0), padding_mode="circular", groups=2)
        self.border = nn.ZeroPad2d((1, 0, 0, 2))
        self.replicate = nn.Conv2d(4, 3, 3, stride=2, padding=2, padding_mode="replicate")
        self.uneven = nn.AdaptiveAvgPool2d((2, 3))
        self.narrow = nn.Conv2d(3, 3, 2, padding=1)
        self.head = nn.Linear(18, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.pool(self.dilated(images).relu())
        padded = self.border(self.circular(pooled).relu()) + pooled.mean((2, 3), keepdim=True)
        maps = self.narrow(self.uneven(self.replicate(padded).relu()))  # [N, 3, 3, 4]
        return self.head(F.pad(maps, (0, 1, 0, 0))[:, :, 1:, ::2].flatten(1))


class OwnConv(nn.Conv2d):
    """A convolution with a border that its attributes do not tell."""

    def forward(self, images: Tensor) -> Tensor:
        padded = F.pad(images, (1, 1, 1, 1), mode="circular")
        return F.conv2d(padded, self.weight, self.bias)


class Unfollowed(nn.Module):
    """Operations that are followed by channel, or not at all."""

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        del size  # any will do
        super().__init__()
        self.stem = OwnConv(CHANNELS, 4, 3, padding=1)
        self.inner = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.last = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        large = F.interpolate(self.stem(images), scale_factor=2, mode="bilinear")
        inner = self.inner(large).relu()
        batch, channels, height, width = inner.shape
        split = inner.view(batch, 2, channels // 2, height, width)
        shuffled = split.transpose(1, 2).reshape(batch, channels, height, width)
        features = self.last(shuffled.flip(2))
        return self.head(F.avg_pool2d(features, features.size(3)).flatten(1))


class Attention(nn.Module):
    """Two heads whose queries, keys and values come from one layer, in a residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        projected = self.projection(self.norm(tokens)).view(batch, count, 3, 2, width // 2)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(queries, keys, values)
        return tokens + self.out(heads.transpose(1, 2).reshape(batch, count, width))


class Transformer(nn.Module):
    """Patches, positions, attention of our own and of torch, GELU; torch.fx cannot trace it."""

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        super().__init__()
        side = min(2, size)
        self.patches = nn.Conv2d(CHANNELS, 4, side, stride=side)
        self.positions = nn.Parameter(torch.zeros(1, (size // side) ** 2, 4))
        self.attention = Attention(4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 6, activation="gelu", batch_first=True)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        if len(tokens[0]) != self.positions.shape[1]:
            raise ValueError("images of another size")
        return self.head(self.layer(self.attention(tokens + self.positions)).mean(1))


EXAMPLES = {
    "vgg": tiny_vgg,
    "unpooled vgg": unpooled_vgg,
    "resnet": tiny_resnet,
    "branches": Branches,
    "padded shortcut": PaddedShortcut,
    "shared layer": SharedLayer,
    "windows": Windows,
    "unfollowed": Unfollowed,
    "transformer": Transformer,
}
FOLLOWED = [name for name in EXAMPLES if name not in ("unfollowed", "transformer")]
