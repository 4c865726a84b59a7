"""ResNets of basic blocks for small images, with the module names of the reference code of Su et al."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import sqrt

import torch
from torch import Tensor, nn

from prunepipe.networks.initialisation import draw_normal
from prunepipe.networks.shapes import RESNETS, ImageSize, scaled_channels


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
    """A first convolution, stages of basic blocks (layer1, layer2, ...), the average over the map, one Linear layer.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning", CVPR 2016, section 4.2, with projection shortcuts.
    """

    def __init__(self, blocks: int, widths: Sequence[int], *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self._stages = [f"layer{number}" for number in range(1, len(widths) + 1)]
        for name, inputs, outputs in zip(self._stages, [widths[0], *widths[:-1]], widths, strict=True):
            first = BasicBlock(inputs, outputs, stride=1 if name == "layer1" else 2)
            rest = (BasicBlock(outputs, outputs, stride=1) for _ in range(blocks - 1))
            self.add_module(name, nn.Sequential(first, *rest))
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, K] of images [N, C, H, W]."""
        features = torch.relu(self.bn1(self.conv1(images)))
        for name in self._stages:
            features = self.get_submodule(name)(features)  # every stage but the first halves height and width
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions from N(0, sqrt(2 / fan_out)) and the Linear weight from N(0, 0.01)."""
        draw_normal(self, fan="fan_out", generator=generator)


class ResNet18(ResNet):
    """A ResNet whose Linear layer is drawn as torch's default does.

    Source: He et al., CVPR 2016, table 1, with the stem for small images of the code of Tanaka et al., NeurIPS 2020.
    """

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions from N(0, sqrt(2 / fan_out)) and the Linear layer from U(-b, b), b = 1 / sqrt(fan_in)."""
        super().initialise(generator=generator)
        bound = 1 / sqrt(self.fc.in_features)
        nn.init.uniform_(self.fc.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.fc.bias, -bound, bound, generator=generator)


def resnet(
    blocks: int,
    widths: Sequence[int],
    *,
    channels: int,
    classes: int,
    image_size: ImageSize,
    width: float = 1.0,
    network: type[ResNet] = ResNet,
) -> ResNet:
    """Build a ResNet.

    Args:
        blocks: basic blocks per stage.
        widths: output channels of each stage.
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width); any size works.
        width: multiplies the channel counts (rounded, at least 1).
        network: class of the network, which decides how its weights are drawn.
    Raises:
        ConfigError: the width is not positive.
    """
    return network(
        blocks, [scaled_channels(count, width) for count in widths], channels=channels, classes=classes
    )


resnet8 = partial(resnet, *RESNETS["resnet8"])
resnet8_small = partial(resnet, *RESNETS["resnet8_small"])
resnet18 = partial(resnet, *RESNETS["resnet18"], network=ResNet18)
resnet20 = partial(resnet, *RESNETS["resnet20"])
resnet32 = partial(resnet, *RESNETS["resnet32"])
resnet44 = partial(resnet, *RESNETS["resnet44"])
resnet56 = partial(resnet, *RESNETS["resnet56"])
