"""Describe what a mask leaves of a network, before any training."""

from __future__ import annotations

from typing import Any

from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.networks.connectivity import connectivity
from prunepipe.networks.prunable import prunable_layers
from prunepipe.networks.recording import record
from prunepipe.pruning.masks import density


def describe(mask: Arrays, network: nn.Module, image_shape: tuple[int, ...]) -> dict[str, Any]:
    """Describe a mask before any training: counts per layer, paths, layer collapse.

    Args:
        mask: True = kept.
        network: not changed; its weights do not matter.
        image_shape: (channels, height, width) of one image.

    Returns:
        density, effective_density (weights on some path from input to output), collapsed, unreachable_outputs
        (classes that no path reaches), and one row per layer.
    """
    layers = prunable_layers(network)
    recording = record(network, image_shape)
    paths = connectivity(mask, recording)
    rows = [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "size": layer.size,
            "kept": int(mask[layer.name].sum()),
            "effective": paths.effective[layer.name],
            "units": len(recording.by_unit[layer.name](mask[layer.name])),
            "dead_units": paths.dead_units[layer.name],
        }
        for layer in layers
    ]
    return {
        "density": density(mask),
        "effective_density": sum(paths.effective.values()) / sum(layer.size for layer in layers),
        "collapsed": paths.collapsed,
        "unreachable_outputs": paths.unreachable_outputs,
        "layers": rows,
    }
