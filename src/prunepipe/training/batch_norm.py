"""Refresh the running statistics of BatchNorm on training images."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunepipe.errors import ConfigError
from prunepipe.study.batches import batch_bounds
from prunepipe.study.recipe import Augmentation
from prunepipe.training.images import ImageSet, draw_epoch, to_device
from prunepipe.training.step import autocast


@torch.no_grad()
def refresh(
    network: nn.Module,
    images: ImageSet,
    augmentation: Augmentation,
    batch_size: int,
    generator: torch.Generator,
    precision: str = "float32",
) -> None:
    """Replace the running means and variances by their averages over all batches of one pass.

    All batches have equal weight, as in torch.optim.swa_utils.update_bn, but dropout stays off. Neither the weights nor
    the network's mode change.

    Args:
        network: on the images' device; its BatchNorm layers are changed.
        images: training images.
        augmentation: of the images, without mixing.
        batch_size: images of a batch.
        generator: draws their order and augmentation.
        precision: "float32" or "bfloat16".
    Raises:
        ConfigError: the network has no BatchNorm with running statistics.
    """
    layers = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        raise ConfigError(
            "the network has no BatchNorm whose statistics could be refreshed; leave refresh_batch_norm out of the "
            "ticket."
        )
    draws = to_device(draw_epoch(len(images), augmentation, generator), images.device)
    mode, momenta = network.training, [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the average of all batches
        layer.train()
    for start, end in batch_bounds(len(images), batch_size):
        with autocast(images.device, precision):
            network(images.batch(draws, start, end)[0])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.train(mode)
