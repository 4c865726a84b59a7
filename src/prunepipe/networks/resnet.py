"""ResNets of depth 6n + 2 for small images, with the module names of the reference code of Su et al."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from prunepipe.errors import ConfigError
from prunepipe.networks.initialisation import draw_normal
from prunepipe.networks.shapes import RESNET_DEPTHS, RESNET_WIDTHS, ImageSize, scaled_channels


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        # The order of these lines is the order of network.modules(), which smart ratios count by.
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Return [N, outputs, H / stride, W / stride] of features [N, inputs, H, W]."""
        inner = torch.relu(self.bn1(self.conv1(features)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.downsample(features))


class ResNet(nn.Module):
    """A first convolution, three stages of basic blocks, the average over the map, one Linear layer.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning", CVPR 2016, section 4.2, with projection shortcuts.
    """

    def __init__(self, blocks: int, widths: tuple[int, int, int], *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = _stage(blocks, widths[0], widths[0], stride=1)
        self.layer2 = _stage(blocks, widths[0], widths[1], stride=2)
        self.layer3 = _stage(blocks, widths[1], widths[2], stride=2)
        self.fc = nn.Linear(widths[2], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, K] of images [N, C, H, W]."""
        features = torch.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))  # [N, F, H / 4, W / 4]
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions from N(0, sqrt(2 / fan_out)) and the Linear weight from N(0, 0.01)."""
        draw_normal(self, fan="fan_out", generator=generator)


def _stage(blocks: int, inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))


def resnet(*, channels: int, classes: int, image_size: ImageSize, depth: int, width: float = 1.0) -> ResNet:
    """Build a ResNet of depth 6n + 2.

    Args:
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width); any will do.
        depth: convolutions on the longest path and the Linear layer: 8, 14, 20, ...
        width: multiplies the channel counts 32, 64, 128 (rounded, at least 1).
    Raises:
        ConfigError: the depth is not of that form or the width is not positive.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ConfigError(
            f"depth is {depth}, but a ResNet for small images has 6n + 2 layers: 8, 20, 32, 44, 56."
        )
    first, second, third = (scaled_channels(count, width) for count in RESNET_WIDTHS)
    return ResNet((depth - 2) // 6, (first, second, third), channels=channels, classes=classes)


def _named(name: str) -> Callable[..., ResNet]:
    depth, own_width = RESNET_DEPTHS[name]

    def build(*, channels: int, classes: int, image_size: ImageSize, width: float = 1.0) -> ResNet:
        return resnet(
            channels=channels, classes=classes, image_size=image_size, depth=depth, width=width * own_width
        )

    return build


resnet8 = _named("resnet8")
resnet8_small = _named("resnet8_small")
resnet20 = _named("resnet20")
resnet32 = _named("resnet32")
resnet44 = _named("resnet44")
resnet56 = _named("resnet56")
