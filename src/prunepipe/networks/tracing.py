"""Determine the `Structure` of a torch network: what is prunable, and whether paths are added."""

from __future__ import annotations

import torch
from torch import nn

from prunepipe.errors import ConfigError
from prunepipe.networks.connectivity import follow, reads_values
from prunepipe.networks.parameters import TOLERATED, unasked_share
from prunepipe.networks.prunable import prunable_layers
from prunepipe.networks.reach import Maps, memory_of
from prunepipe.networks.recording import Call, record
from prunepipe.networks.structure import Structure

_ADDITIONS = frozenset({"add", "sub", "rsub", "maximum", "minimum"})


def trace(network: nn.Module, image_shape: tuple[int, ...]) -> Structure:
    """Determine a network's prunable layers, and how its paths join, from one forward pass.

    Args:
        network: not changed; a copy of it runs once on noise, on the CPU, in eval mode.
        image_shape: shape of one image, for example (channels, height, width), pixels.
    Returns:
        The structure, with layers in `network.modules()` order.
    Raises:
        ConfigError: a weight is computed, the network does not accept such images, or its output does not depend
            on them.
        ScoreError: the network has no prunable weight, or two modules share one.
    """
    layers = prunable_layers(network)
    recording = record(network, image_shape)
    with torch.no_grad():
        maps = follow(recording, {name: torch.ones(w.shape) for name, w in recording.weights.items()})
    if not any(map(maps.of_image, recording.outputs)) and not reads_values(recording, maps):
        raise ConfigError(
            f"no path leads from the images to the output of {type(network).__name__}. "
            "Compute its output from its input by operations of torch, and return it."
        )
    residual = any(_adds_paths(call, maps) for call in recording.calls)
    dense = unasked_share(network)
    return Structure(
        layers, residual, not reads_values(recording, maps), unprunable=dense if dense > TOLERATED else 0.0
    )


def _adds_paths(call: Call, maps: Maps) -> bool:
    """Return whether a call adds two different values that depend on the image."""
    places = {
        (memory_of(tensor), tensor.shape, tensor.storage_offset())
        for tensor in call.given
        if maps.of_image(tensor)
    }
    return call.name in _ADDITIONS and len(places) > 1
