"""Networks: architectures, initial weights, prunable weights, connectivity; training them is in `training`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkRow:
    """Describes a network before it is built.

    Attributes:
        function: "module:builder", a builder `build(*, channels, classes, image_size, width=1.0) -> nn.Module`.
        layers: "module:function" without torch, `f(name, channels, classes, image_size, width) -> [(Layer, side of its
            output map)]` in module order, which raises ConfigError for images that are too small; empty: costs and
            budgets are unknown before the network runs.
        deep: whether it has more than 32 layers, in which case scores read many small batches, as in the reference.
        label: its name in tables and figures; empty: its key.
    """

    function: str
    layers: str = ""
    label: str = ""
    deep: bool = False


def _built_in(module: str, name: str, label: str, deep: bool = False) -> NetworkRow:
    layers = "prunepipe.networks.shapes:layer_maps"
    return NetworkRow(f"prunepipe.networks.{module}:{name}", layers, label, deep)


NETWORKS: dict[str, NetworkRow] = {
    "vgg11": _built_in("vgg", "vgg11", "VGG11"),
    "vgg13": _built_in("vgg", "vgg13", "VGG13"),
    "vgg16": _built_in("vgg", "vgg16", "VGG16"),
    "vgg19": _built_in("vgg", "vgg19", "VGG19"),
    "vgg11_average_pool": _built_in("vgg", "vgg11_average_pool", "VGG11 (average pool)"),
    "vgg16_average_pool": _built_in("vgg", "vgg16_average_pool", "VGG16 (average pool)"),
    "vgg_digits": _built_in("vgg", "vgg_digits", "VGG (digits)"),
    "vgg_fashion": _built_in("vgg", "vgg_fashion", "VGG (fashion)"),
    "resnet8": _built_in("resnet", "resnet8", "ResNet8"),
    "resnet8_small": _built_in("resnet", "resnet8_small", "ResNet8 (small)"),
    "resnet18": _built_in("resnet", "resnet18", "ResNet18"),
    "resnet20": _built_in("resnet", "resnet20", "ResNet20"),
    "resnet32": _built_in("resnet", "resnet32", "ResNet32"),
    "resnet44": _built_in("resnet", "resnet44", "ResNet44", deep=True),
    "resnet56": _built_in("resnet", "resnet56", "ResNet56", deep=True),
    "vit_small": _built_in("vit", "vit_small", "ViT (small)"),
}
"""The built-in networks; a study also accepts "module:builder", torchvision:MODEL and rows of other packages."""
