"""The layers of the built-in networks as plain numbers, so that budgets and costs are known without torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from prunepipe.errors import ConfigError
from prunepipe.networks.structure import Layer

ImageSize = int | tuple[int, int]
"""Side of square images, pixels; (height, width) of others."""

POOL = "M"
"""Stands for a 2x2 max-pool in a layout; a number stands for a convolution with that many output channels."""

VGG_LAYOUTS: dict[str, tuple[int | str, ...]] = {
    "vgg11": (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL),
    "vgg13": (64, 64, POOL, 128, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL),
    "vgg16": (64, 64, POOL, 128, 128, POOL, *(256,) * 3, POOL, *(512,) * 3, POOL, *(512,) * 3, POOL),
    "vgg19": (64, 64, POOL, 128, 128, POOL, *(256,) * 4, POOL, *(512,) * 4, POOL, *(512,) * 4, POOL),
    # Without the last max-pool: the average over the map that is left takes its place.
    "vgg11_average_pool": (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512),
    "vgg16_average_pool": (64, 64, POOL, 128, 128, POOL, *(256,) * 3, POOL, *(512,) * 3, POOL, *(512,) * 3),
    # About 70,000 weights each: networks of the studies that run on a laptop, for 8x8 and 14x14 images.
    "vgg_digits": (16, POOL, 32, 32, POOL, 64, 64),
    "vgg_fashion": (16, POOL, 32, POOL, 32, 64, 64),
}

_WIDTHS = (32, 64, 128)  # twice those of He et al., as in GraSP and in Su et al.

RESNETS: dict[str, tuple[int, tuple[int, ...]]] = {
    "resnet8": (1, _WIDTHS),
    "resnet8_small": (1, (16, 32, 64)),  # about 77,000 weights, for runs on a laptop
    "resnet18": (2, (64, 128, 256, 512)),
    "resnet20": (3, _WIDTHS),
    "resnet32": (5, _WIDTHS),
    "resnet44": (7, _WIDTHS),
    "resnet56": (9, _WIDTHS),
}
"""Basic blocks per stage, and output channels of each stage; three stages of n blocks make 6n + 2 layers."""

VIT = "vit_small"
VIT_PATCH, VIT_BLOCKS, VIT_HEADS, VIT_HEAD = 4, 4, 3, 32
"""The small vision transformer: side of a patch in pixels, number of blocks, number of heads, features per head."""


def vit_features(width: float) -> int:
    """Return the number of features of a token, a multiple of the number of heads."""
    return VIT_HEADS * scaled_channels(VIT_HEAD, width)


def sides(image_size: ImageSize) -> tuple[int, int]:
    """Return the height and width of an image size."""
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def scaled_channels(channels: int, width: float) -> int:
    """Return a channel count times the width, rounded, at least 1.

    Raises:
        ConfigError: the width is not positive.
    """
    if not width > 0:
        raise ConfigError(f"width is {width}, but it multiplies channel counts: give a number > 0.")
    return max(1, round(channels * width))


def layer_maps(
    architecture: str, channels: int, classes: int, image_size: int, width: float = 1.0
) -> list[tuple[Layer, int]]:
    """Return the prunable layers of a built-in network in module order, each with the side of its output map.

    Args:
        architecture: a name in `VGG_LAYOUTS` or `RESNETS`, or `VIT`.
        channels: image channels.
        classes: number of logits.
        image_size: side of the images, pixels.
        width: multiplies the channel counts.
    Raises:
        ConfigError: the images are too small for the network's pools, or not a whole number of patches.
    """
    if architecture in RESNETS:
        blocks, widths = RESNETS[architecture]
        scaled = [scaled_channels(count, width) for count in widths]
        return _resnet(blocks, scaled, channels, classes, image_size)
    if architecture == VIT:
        require_patches(image_size)
        return _vit(channels, classes, image_size, width)
    layout = VGG_LAYOUTS[architecture]
    require_image_size(architecture, layout, image_size)
    return _vgg(layout, channels, classes, image_size, width)


def require_image_size(name: str, layout: Sequence[int | str], image_size: ImageSize) -> None:
    """Raise an error if images are so small that a network's max-pools leave no pixel.

    Args:
        name: the network's name, for the message.
        layout: the network's layout, with `POOL` for each max-pool.
        image_size: side of square images, pixels, or (height, width).
    Raises:
        ConfigError: the images are too small.
    """
    smallest = 2 ** list(layout).count(POOL)
    if min(sides(image_size)) < smallest:
        raise ConfigError(
            f"{name} needs images of at least {smallest} x {smallest} pixels, because each max-pool halves them, "
            f"but image_size is {image_size}; take larger images or another network."
        )


def require_patches(image_size: ImageSize) -> None:
    """Raise an error if the small vision transformer cannot cut the images into whole patches.

    Raises:
        ConfigError: a side is not a multiple of the patch's side.
    """
    height, width = sides(image_size)
    if height % VIT_PATCH or width % VIT_PATCH:
        raise ConfigError(
            f"{VIT} reads patches of {VIT_PATCH} x {VIT_PATCH} pixels, so both sides must be multiples of {VIT_PATCH}, "
            f"but image_size is {image_size}; take other images or another network."
        )


def _vgg(
    layout: tuple[int | str, ...], channels: int, classes: int, side: int, width: float
) -> list[tuple[Layer, int]]:
    layers: list[tuple[Layer, int]] = []
    module = 0  # a convolution with its BatchNorm and ReLU is three modules, a pool is one
    for entry in layout:
        if isinstance(entry, str):
            side //= 2
            module += 1
            continue
        outputs = scaled_channels(entry, width)
        layers.append((Layer(f"features.{module}.weight", "conv", (outputs, channels, 3, 3)), side))
        channels, module = outputs, module + 3
    return [*layers, (Layer("classifier.weight", "linear", (classes, channels)), 1)]


def _resnet(
    blocks: int, widths: list[int], channels: int, classes: int, side: int
) -> list[tuple[Layer, int]]:
    first = widths[0]
    layers = [(Layer("conv1.weight", "conv", (first, channels, 3, 3)), side)]
    for stage, (inputs, outputs) in enumerate(pairwise([first, *widths]), start=1):
        stride = 1 if stage == 1 else 2
        side = ceil(side / stride)
        for block in range(blocks):
            read = inputs if block == 0 else outputs
            name = f"layer{stage}.{block}"
            layers += [(Layer(f"{name}.conv1.weight", "conv", (outputs, read, 3, 3)), side)]
            layers += [(Layer(f"{name}.conv2.weight", "conv", (outputs, outputs, 3, 3)), side)]
            if block == 0 and (stride != 1 or inputs != outputs):
                layers += [(Layer(f"{name}.downsample.0.weight", "conv", (outputs, inputs, 1, 1)), side)]
    return [*layers, (Layer("fc.weight", "linear", (classes, widths[-1])), 1)]


def _vit(channels: int, classes: int, side: int, width: float) -> list[tuple[Layer, int]]:
    """Return the layers; Linear layers run once per token. Products without weights, inside attention, are left out."""
    features, tokens = vit_features(width), side // VIT_PATCH
    shapes = {
        "attention.projection": (3 * features, features),
        "attention.out": (features, features),
        "widen": (2 * features, features),
        "narrow": (features, 2 * features),
    }
    layers = [(Layer("patches.weight", "conv", (features, channels, VIT_PATCH, VIT_PATCH)), tokens)]
    for block in range(VIT_BLOCKS):
        layers += [
            (Layer(f"blocks.{block}.{name}.weight", "linear", shape), tokens)
            for name, shape in shapes.items()
        ]
    return [*layers, (Layer("head.weight", "linear", (classes, features)), 1)]
