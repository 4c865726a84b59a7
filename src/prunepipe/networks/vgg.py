"""VGG with batch normalisation for small images: one builder, one layout per network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from prunepipe.errors import ConfigError
from prunepipe.networks.initialisation import draw_normal
from prunepipe.networks.shapes import POOL, VGG_LAYOUTS, ImageSize, require_image_size, scaled_channels


class VGG(nn.Module):
    """Convolutions 3x3 with bias, each with batch normalisation and ReLU, max-pools, then one Linear layer.

    The map that the last pool leaves is averaged, so that the Linear layer reads one value per channel at every image
    size; at 32x32 VGG19's last map is 1x1 and the average is the identity.

    Source: Simonyan, Zisserman, ICLR 2015, as in the code of Su et al., NeurIPS 2020.
    """

    def __init__(self, layout: Sequence[int | str], *, channels: int, classes: int) -> None:
        super().__init__()
        counts = [channels, *(int(entry) for entry in layout if entry != POOL)]
        stages = (_stage(*pair) for pair in pairwise(counts))
        modules = [[nn.MaxPool2d(2)] if entry == POOL else next(stages) for entry in layout]
        self.features = nn.Sequential(*(module for stage in modules for module in stage))
        self.classifier = nn.Linear(counts[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [N, K] of images [N, C, H, W]."""
        features = self.features(images)  # [N, F, h, w]
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions from N(0, sqrt(2 / fan_in)) and the Linear weight from N(0, 0.01)."""
        draw_normal(self, fan="fan_in", generator=generator)


class AveragePoolVGG(VGG):
    """A VGG whose Linear weights are drawn by their fan-in, like its convolutions.

    Source: the CIFAR networks of Frankle et al. (open_lth) and Tanaka et al., NeurIPS 2020.
    """

    def initialise(self, *, generator: torch.Generator) -> None:
        """Draw convolutions and the Linear weight from N(0, sqrt(2 / fan_in))."""
        deviation = sqrt(2 / self.classifier.in_features)
        draw_normal(self, fan="fan_in", linear_deviation=deviation, generator=generator)


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def vgg(
    *,
    channels: int,
    classes: int,
    image_size: ImageSize,
    layout: Sequence[int | str],
    width: float = 1.0,
    network: type[VGG] = VGG,
) -> VGG:
    """Build a VGG from its layout.

    Args:
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width); every max-pool halves both.
        layout: output channels for each convolution, and "M" for each max-pool.
        width: multiplies the channel counts (rounded, at least 1).
        network: class of the network, which decides how its weights are drawn.
    Raises:
        ConfigError: the images are too small for the pools, or the layout or the width is malformed.
    """
    counts = [entry for entry in layout if entry != POOL]
    if not counts or not all(isinstance(count, int) and count > 0 for count in counts):
        raise ConfigError(
            f"layout is {list(layout)}: give whole channel counts > 0, and '{POOL}' for max-pools."
        )
    require_image_size("this network", layout, image_size)
    return network(
        [entry if isinstance(entry, str) else scaled_channels(entry, width) for entry in layout],
        channels=channels,
        classes=classes,
    )


vgg11 = partial(vgg, layout=VGG_LAYOUTS["vgg11"])
vgg13 = partial(vgg, layout=VGG_LAYOUTS["vgg13"])
vgg16 = partial(vgg, layout=VGG_LAYOUTS["vgg16"])
vgg19 = partial(vgg, layout=VGG_LAYOUTS["vgg19"])
vgg11_average_pool = partial(vgg, layout=VGG_LAYOUTS["vgg11_average_pool"], network=AveragePoolVGG)
vgg16_average_pool = partial(vgg, layout=VGG_LAYOUTS["vgg16_average_pool"], network=AveragePoolVGG)
vgg_digits = partial(vgg, layout=VGG_LAYOUTS["vgg_digits"])
vgg_fashion = partial(vgg, layout=VGG_LAYOUTS["vgg_fashion"])
