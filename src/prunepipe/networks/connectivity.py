"""Which kept weights still lie on a path from input to output: one pass forward, one back, of zeros and ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.operations import rule_of
from prunepipe.networks.reach import Maps, memory_of, some
from prunepipe.networks.recording import Call, Recording, tensors_of


@dataclass(frozen=True)
class Connectivity:
    """What a mask leaves of a network.

    Attributes:
        effective: per layer, kept weights that lie on some path of kept weights from input to output.
        dead_units: per layer, output channels (or units) that no path through the network passes.
        collapsed: whether there is no such path at all, so that the network is a constant.
        unreachable_outputs: outputs (classes) that no path reaches, so that each is a constant.
    """

    effective: dict[str, int]
    dead_units: dict[str, int]
    collapsed: bool
    unreachable_outputs: int


def connectivity(mask: Arrays, recording: Recording) -> Connectivity:
    """Follow the paths of kept weights through a network.

    Zeros and ones run through the recorded operations, each replaced by a sum of non-negative terms, and their
    gradient runs back: a kept weight with a gradient joins a place that the image reaches to one that leads to
    the output.

    Exact, number by number: linear layers and convolutions of any dimension with their padding, stride, dilation
    and groups, pools, borders, reshapes, slices, concatenations, sums, activations, BatchNorm, changes in place,
    modules that are called several times or never. Conservative, so that no weight is called cut off that the
    output feels: LayerNorm, GroupNorm, softmax and other reductions join all that they look at; a product of two
    values depends on either, so attention joins its queries, keys and values; an operation without a rule joins
    everything. If Python or numpy looks at values that depend on the image (an `if`, a boolean index), other
    images may take another way: then every kept weight counts as effective, and only an empty mask as collapsed.
    Biases and shifts start no path: what they alone feed is the same for every image.

    Args:
        mask: bool, True = kept, one array per prunable layer, shaped like its weight.
        recording: of the network.
    Returns:
        Effective weights, dead units, unreachable outputs and whether the network has collapsed.
    Raises:
        ScoreError: the mask does not fit the network.
    Source: Vysogorets, Kempe, "Connectivity Matters: Neural Network Pruning Through the Lens of Effective
        Sparsity", JMLR 2023, section 3.
    """
    _require_fit(mask, recording.weights)
    kept = {name: torch.from_numpy(layer).float().requires_grad_() for name, layer in mask.items()}
    maps = follow(recording, kept)
    if reads_values(recording, maps):
        return _everything(mask, recording)
    ends = [maps.reached(output) for output in recording.outputs]
    useful = {name: mask[name] & felt for name, felt in _felt(kept, ends).items()}
    return Connectivity(
        effective={name: int(layer.sum()) for name, layer in useful.items()},
        dead_units=_dead_units(useful, recording),
        collapsed=not any(bool(end.any()) for end in ends),
        unreachable_outputs=sum(int((~end.flatten(1).any(0)).sum()) for end in ends),
    )


def follow(recording: Recording, kept: Mapping[str, Tensor], start: Tensor | None = None) -> Maps:
    """Return where a recorded forward pass depends on the image.

    Args:
        recording: of a network.
        kept: per prunable weight 1 where it is kept, else 0, float32; gradients flow back to it.
        start: 1 where the image is, float32, shaped like the trial batch; everywhere if left out.
    """
    maps = Maps()
    for name, weight in recording.weights.items():
        maps.write(weight, kept[name], of_image=False)
    maps.write(
        recording.images, torch.ones(recording.images.shape) if start is None else start, of_image=True
    )
    for call in recording.calls:
        _carry_out(call, maps)
    return maps


def reads_values(recording: Recording, maps: Maps) -> bool:
    """Return whether the operations themselves may depend on the image, as behind `if x.sum() > 0`."""
    return any(map(maps.of_image, recording.read))


def _carry_out(call: Call, maps: Maps) -> None:
    """Write the maps of what a call returns or changes in place; a view shares its map as it shares its memory."""
    given = call.given
    if not any(map(maps.known, given)) or torch.Tag.inplace_view in call.function.tags:
        return
    shared = set(map(memory_of, given))
    results = [*call.written, *(new for new in tensors_of(call.result) if memory_of(new) not in shared)]
    results = [result for result in results if result.numel() > 0]
    if not results:
        return
    values, of_image = rule_of(call)(call, maps, results[0])
    values = some(values)
    for result in results:
        fits = result.shape == results[0].shape
        maps.write(result, values if fits else some(values.sum()), of_image)


def _felt(kept: Mapping[str, Tensor], ends: list[Tensor]) -> Arrays:
    """Return, per layer, where a weight would lie on a path from input to output."""
    total = sum(end.sum() for end in ends)
    if (
        not isinstance(total, Tensor) or not total.requires_grad
    ):  # nothing that is prunable leads to the output
        return {name: np.zeros(layer.shape, dtype=bool) for name, layer in kept.items()}
    gradients = torch.autograd.grad(total, list(kept.values()), materialize_grads=True)
    return {name: (gradient > 0).numpy() for name, gradient in zip(kept, gradients, strict=True)}


def _dead_units(useful: Arrays, recording: Recording) -> dict[str, int]:
    """Count the units of each layer without a useful weight: a path that passes a unit comes in by one of them."""
    return {name: int((~recording.by_unit[name](layer).any(axis=1)).sum()) for name, layer in useful.items()}


def _everything(mask: Arrays, recording: Recording) -> Connectivity:
    effective = {name: int(layer.sum()) for name, layer in mask.items()}
    return Connectivity(effective, _dead_units(mask, recording), not any(effective.values()), 0)


def _require_fit(mask: Arrays, weights: Mapping[str, Tensor]) -> None:
    for name in sorted(set(weights) ^ set(mask)):
        what = "has no array for" if name in weights else "has an array that is no layer of the network:"
        raise ScoreError(f"the mask {what} '{name}'. Make the mask with this network's own structure.")
    for name, weight in weights.items():
        array, shape = mask[name], tuple(weight.shape)
        if array.shape != shape or array.dtype != np.bool_:
            raise ScoreError(
                f"mask '{name}' is {array.dtype} of shape {array.shape}, expected bool of shape {shape}. "
                "Make the mask with this network's own structure."
            )
