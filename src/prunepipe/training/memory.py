"""Measure the memory that a training step needs per image, before training starts."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from prunepipe.training.step import autocast

FEW, MORE = 2, 4
"""Images of the two trial batches; their difference cancels what does not depend on the batch, such as weights."""


def activation_bytes(network: nn.Module, image_shape: tuple[int, ...], precision: str) -> int:
    """Return the bytes per image that the forward pass keeps for the backward pass.

    A training step needs at least this much for every image of its batch; temporary results come on top.

    Args:
        network: on its device; not changed.
        image_shape: (channels, height, width) of one image.
        precision: "float32" or "bfloat16".
    """
    trial = deepcopy(network).train()
    few, more = (_kept_bytes(trial, (count, *image_shape), precision) for count in (FEW, MORE))
    return max(0, more - few) // (MORE - FEW)


def _kept_bytes(network: nn.Module, shape: tuple[int, ...], precision: str) -> int:
    device = next(network.parameters()).device
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), saved_tensors_hooks(note, lambda tensor: tensor):
        images = torch.zeros(shape, device=device)
        with autocast(device, precision):
            logits = network(images)  # noqa: F841  as long as it lives, no memory is used twice
    known = {value.untyped_storage().data_ptr() for value in chain(network.parameters(), network.buffers())}
    return sum(size for place, size in kept.items() if place not in known)
