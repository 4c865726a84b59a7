"""Build torchvision's networks for a data set; any name in `TORCHVISION_MODELS` is a builder of this module.

Only the following is changed:

- the last Linear layer has as many outputs as there are classes, the first convolution as many inputs as the
  images have channels;
- for images of at most 64 pixels a side the stem keeps the resolution, as is usual for CIFAR: the first convolution is
  3x3 with stride 1, and the max-pool right behind it (ResNet, DenseNet, ShuffleNet) is left out;
- VGG: a max-pool that would leave no pixel is left out; where the last map is smaller than 7x7 it is read as it
  is, and the first Linear layer is that much smaller (torchvision would repeat its pixels up to 7x7);
- ViT, Swin and ConvNeXt keep their first convolution, which cuts the image into patches, at every image size; ViT has
  as many positions as the images have patches.

Weights are never downloaded: a network starts from torchvision's own initial weights, and replaced layers are drawn by
the same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from torch import nn

from prunepipe.errors import ConfigError, unknown_name
from prunepipe.networks.shapes import ImageSize, sides
from prunepipe.networks.torchvision_names import TORCHVISION_MODELS

SMALL_IMAGE = 64
"""Largest side in pixels of images for which the stem keeps the resolution."""

STEM_POOLS = ("maxpool", "features.pool0")
"""Names of the max-pool right behind the first convolution, in networks that have one."""

STEM_INITIALISERS: dict[str, Callable[[nn.Conv2d], object]] = {
    **dict.fromkeys(
        ("resnet", "resnext", "wide_resnet", "vgg", "mobilenet", "mnasnet", "efficientnet", "regnet"),
        lambda conv: nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu"),
    ),
    "densenet": lambda conv: nn.init.kaiming_normal_(conv.weight),
    "vit": lambda conv: nn.init.trunc_normal_(
        conv.weight, std=(conv.in_channels * prod(conv.kernel_size)) ** -0.5
    ),
    **dict.fromkeys(("swin", "convnext"), lambda conv: nn.init.trunc_normal_(conv.weight, std=0.02)),
    "shufflenet": lambda conv: None,  # torch's default, drawn by the constructor of the layer
}
"""How torchvision draws the weights of the first convolution, by the start of the model's name; its bias is 0."""

PATCHES = ("vit", "swin", "convnext")
"""Families whose first convolution cuts the image into patches."""

VGG_MAP = 7
"""Side of the map that the classifier of torchvision's VGG reads."""


def __getattr__(name: str) -> Callable[..., nn.Module]:
    """Return the builder of a torchvision network."""
    if name.startswith("__"):  # asked for by the import machinery
        raise AttributeError(name)
    if name not in TORCHVISION_MODELS:
        raise ConfigError(unknown_name("torchvision model", name, TORCHVISION_MODELS))
    return partial(torchvision_network, name)


def torchvision_network(name: str, *, channels: int, classes: int, image_size: ImageSize) -> nn.Module:
    """Build a torchvision network for a data set.

    Args:
        name: a name in `TORCHVISION_MODELS`.
        channels: image channels.
        classes: number of logits.
        image_size: side of square images, pixels, or (height, width).
    Raises:
        ConfigError: a ViT cannot cut the images into its patches.
    """
    from torchvision import models  # slow to import, and only these networks need it

    size = sides(image_size)
    positions = {"image_size": _patched_side(name, size)} if name.startswith("vit") else {}
    network: nn.Module = models.get_model(name, weights=None, num_classes=classes, **positions)
    small = max(size) <= SMALL_IMAGE and not name.startswith(PATCHES)
    if name.startswith("vgg"):
        _fit_vgg(network, size)
    elif small:
        _drop_stem_pool(network)
    _fit_first_convolution(network, channels, stem_initialiser(name), small=small)
    return network


def _patched_side(name: str, size: tuple[int, int]) -> int:
    patch = int(name.rpartition("_")[2])
    height, width = size
    if height != width or height % patch:
        raise ConfigError(
            f"image_size is {height} x {width}, but {name} needs square images with a side that is a multiple of "
            f"{patch} pixels, its patch size; set image_size or take another network."
        )
    return height


def stem_initialiser(name: str) -> Callable[[nn.Conv2d], object]:
    """Return what draws the weights of a model's first convolution."""
    return next(draw for family, draw in STEM_INITIALISERS.items() if name.startswith(family))


def _fit_first_convolution(
    network: nn.Module, channels: int, draw: Callable[[nn.Conv2d], object], *, small: bool
) -> None:
    name, first = next((name, m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    # Every stem has a square kernel, so one number describes it.
    kernel, stride, padding = (
        (3, 1, 1) if small else (first.kernel_size[0], first.stride[0], int(first.padding[0]))
    )
    fitted = nn.Conv2d(channels, first.out_channels, kernel, stride, padding, bias=first.bias is not None)
    draw(fitted)
    if fitted.bias is not None:
        nn.init.zeros_(fitted.bias)
    network.set_submodule(name, fitted)


def _drop_stem_pool(network: nn.Module) -> None:
    names = {name for name, module in network.named_modules() if isinstance(module, nn.MaxPool2d)}
    for name in names.intersection(STEM_POOLS):
        network.set_submodule(name, nn.Identity())


def _fit_vgg(network: Any, size: tuple[int, int]) -> None:
    """Fit the pools and the first Linear layer of a VGG to the images."""
    height, width = size
    for position, module in enumerate(network.features):
        if isinstance(module, nn.MaxPool2d) and min(height, width) >= 2:
            height, width = height // 2, width // 2
        elif isinstance(module, nn.MaxPool2d):
            network.features[position] = nn.Identity()
    if max(height, width) > VGG_MAP:
        return
    first = network.classifier[0]
    features = first.in_features // VGG_MAP**2 * height * width
    network.avgpool = nn.Identity()
    network.classifier[0] = nn.Linear(features, first.out_features)
    nn.init.normal_(network.classifier[0].weight, 0.0, 0.01)
    nn.init.zeros_(network.classifier[0].bias)
