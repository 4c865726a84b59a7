"""Effective weights: the kept weights that lie on a path of kept weights from input to output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prunepipe.artifacts import Arrays
from prunepipe.networks.operations import rule_of
from prunepipe.networks.reach import Maps, indicator, memory_of
from prunepipe.networks.recording import Call, Recording, tensors_of
from prunepipe.networks.structure import check_mask


@dataclass(frozen=True)
class Connectivity:
    """What remains of a network under a mask.

    Attributes:
        effective: per layer, the number of kept weights on some path of kept weights from input to output.
        dead_units: per layer, the number of output channels (or units) that no such path passes through.
        collapsed: whether there is no such path at all, so that the network computes a constant.
        unreachable_outputs: number of outputs (classes) that no path reaches; each is a constant.
    """

    effective: dict[str, int]
    dead_units: dict[str, int]
    collapsed: bool
    unreachable_outputs: int


def connectivity(mask: Arrays, recording: Recording) -> Connectivity:
    """Count the kept weights that lie on a path of kept weights from input to output.

    The forward pass is repeated with ones for pixels and kept weights, zeros for pruned weights, and every
    operation replaced by a sum of non-negative terms. A kept weight with a non-zero gradient then lies on a path.

    Exact for every single weight: linear layers and convolutions of any dimension with their padding, stride,
    dilation and groups, pools, borders, reshapes, slices, concatenations, sums, activations, BatchNorm, changes in
    place, modules that are called several times or never. Elsewhere a weight may count as effective although it is
    cut off, but never the reverse: LayerNorm, GroupNorm, softmax and other reductions connect all of their
    inputs to all of their outputs; a product depends on both factors, so attention connects queries, keys and
    values; an operation without a rule connects everything. If Python or numpy reads values that depend on
    the image (an `if`, a boolean index), other images may run other operations; every kept weight then counts as
    effective, and only an empty mask as collapsed. Biases and shifts start no path, because what depends on
    them alone is the same for every image.

    Args:
        mask: bool, True = kept, one array per prunable layer, shaped like its weight.
        recording: a forward pass of the network.
    Returns:
        Effective weights, dead units, unreachable outputs, and whether the network has collapsed.
    Raises:
        ScoreError: the mask does not fit the network.
    Source: Vysogorets, Kempe, "Connectivity Matters: Neural Network Pruning Through the Lens of Effective
        Sparsity", JMLR 2023, section 3.
    """
    check_mask(mask, {name: tuple(weight.shape) for name, weight in recording.weights.items()})
    kept = {name: torch.from_numpy(layer).float().requires_grad_() for name, layer in mask.items()}
    maps = follow(recording, kept)
    if reads_values(recording, maps):
        return _everything(mask, recording)
    ends = [maps.reached(output) for output in recording.outputs]
    effective = {name: mask[name] & on_path for name, on_path in _on_paths(kept, ends).items()}
    return Connectivity(
        effective={name: int(layer.sum()) for name, layer in effective.items()},
        dead_units=_dead_units(effective, recording),
        collapsed=not any(bool(end.any()) for end in ends),
        unreachable_outputs=sum(int((~end.flatten(1).any(0)).sum()) for end in ends),
    )


def follow(recording: Recording, kept: Mapping[str, Tensor], start: Tensor | None = None) -> Maps:
    """Compute where a recorded forward pass depends on the image.

    Args:
        recording: a forward pass of the network.
        kept: per prunable weight, 1 where it is kept and 0 elsewhere, float32; gradients flow back to it.
        start: 1 at the pixels to follow and 0 elsewhere, float32, shaped like the trial batch; default: all pixels.
    Returns:
        The maps of all tensors of the pass.
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
    """Return whether the operations that run may depend on the image, as after `if x.sum() > 0`."""
    return any(map(maps.of_image, recording.read))


def _carry_out(call: Call, maps: Maps) -> None:
    """Write the maps of the tensors that a call returns or changes in place; a view shares the map of its memory."""
    given = call.given
    if not any(map(maps.known, given)) or torch.Tag.inplace_view in call.function.tags:
        return
    shared = set(map(memory_of, given))
    results = [*call.written, *(new for new in tensors_of(call.result) if memory_of(new) not in shared)]
    results = [result for result in results if result.numel() > 0]
    if not results:
        return
    values, of_image = rule_of(call)(call, maps, results[0])
    values = indicator(values)
    for result in results:
        fits = result.shape == results[0].shape
        maps.write(result, values if fits else indicator(values.sum()), of_image)


def _on_paths(kept: Mapping[str, Tensor], ends: list[Tensor]) -> Arrays:
    """Return, per layer, where a kept weight would lie on a path from input to output."""
    total = sum(end.sum() for end in ends)
    if not isinstance(total, Tensor) or not total.requires_grad:  # no prunable weight leads to the output
        return {name: np.zeros(layer.shape, dtype=bool) for name, layer in kept.items()}
    gradients = torch.autograd.grad(total, list(kept.values()), materialize_grads=True)
    return {name: (gradient > 0).numpy() for name, gradient in zip(kept, gradients, strict=True)}


def _dead_units(effective: Arrays, recording: Recording) -> dict[str, int]:
    """Count the units of each layer without an effective weight, through which every path enters a unit."""
    return {
        name: int((~recording.by_unit[name](layer).any(axis=1)).sum()) for name, layer in effective.items()
    }


def _everything(mask: Arrays, recording: Recording) -> Connectivity:
    effective = {name: int(layer.sum()) for name, layer in mask.items()}
    return Connectivity(effective, _dead_units(mask, recording), not any(effective.values()), 0)
