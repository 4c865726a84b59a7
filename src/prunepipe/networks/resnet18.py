"""ResNet18 for small images: a 3x3 stem without a pool, four stages of two basic blocks."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from prunepipe.networks.initialisation import draw_normal
from prunepipe.networks.resnet import BasicBlock
from prunepipe.networks.shapes import RESNET18_WIDTHS, ImageSize, scaled_channels


class ResNet18(nn.Module):
    """A first convolution, four stages of two basic blocks, the average over the map, one Linear layer.

    Source: He, Zhang, Ren, Sun, CVPR 2016, table 1, with the stem for small images of the code of Tanaka et al.,
        NeurIPS 2020.
    """

    def __init__(self, widths: tuple[int, ...], *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        stages = [
            nn.Sequential(
                BasicBlock(inputs, outputs, 1 if number == 0 else 2), BasicBlock(outputs, outputs, 1)
            )
            for number, (inputs, outputs) in enumerate(pairwise([widths[0], *widths]))
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, K] of images [N, C, H, W]."""
        features = torch.relu(self.bn1(self.conv1(images)))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))  # [N, F, H / 8, W / 8]
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions from N(0, sqrt(2 / fan_out)) and the Linear layer from U(-b, b), b = 1 / sqrt(fan_in).

        The Linear layer is drawn as torch's default does, which the code of Tanaka et al. keeps.
        """
        draw_normal(self, fan="fan_out", generator=generator)
        bound = 1 / sqrt(self.fc.in_features)
        nn.init.uniform_(self.fc.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.fc.bias, -bound, bound, generator=generator)


def resnet18(*, channels: int, classes: int, image_size: ImageSize, width: float = 1.0) -> ResNet18:
    """Build a ResNet18 for small images.

    Args:
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width); any size works.
        width: multiplies the channel counts 64, 128, 256, 512 (rounded, at least 1).
    Raises:
        ConfigError: the width is not positive.
    """
    widths = tuple(scaled_channels(count, width) for count in RESNET18_WIDTHS)
    return ResNet18(widths, channels=channels, classes=classes)
