"""Networks: architectures, initial weights, prunable weights, connectivity; training them is in `training`."""

from __future__ import annotations

NETWORKS: dict[str, str] = {
    "vgg11": "prunepipe.networks.vgg:vgg11",
    "vgg13": "prunepipe.networks.vgg:vgg13",
    "vgg16": "prunepipe.networks.vgg:vgg16",
    "vgg19": "prunepipe.networks.vgg:vgg19",
    "vgg_digits": "prunepipe.networks.vgg:vgg_digits",
    "vgg_fashion": "prunepipe.networks.vgg:vgg_fashion",
    "resnet8": "prunepipe.networks.resnet:resnet8",
    "resnet8_small": "prunepipe.networks.resnet:resnet8_small",
    "resnet20": "prunepipe.networks.resnet:resnet20",
    "resnet32": "prunepipe.networks.resnet:resnet32",
    "resnet44": "prunepipe.networks.resnet:resnet44",
    "resnet56": "prunepipe.networks.resnet:resnet56",
    "vit_small": "prunepipe.networks.vit:vit_small",
}
"""Builders by name, each `build(*, channels, classes, image_size, width=1.0) -> nn.Module`."""
