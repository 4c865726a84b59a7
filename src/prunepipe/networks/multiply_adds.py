"""Count the multiply-adds of each prunable weight in a recorded forward pass."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from prunepipe.networks.reach import memory_of
from prunepipe.networks.recording import BATCH, Call, Recording

_FACTORS = {"mm": (0, 1), "addmm": (1, 2), "bmm": (0, 1), "baddbmm": (1, 2), "convolution": (0, 1)}
"""Positions of the two factors among the arguments of each operation that multiplies."""


class Use(NamedTuple):
    """One use of a weight, or of a part of it, such as the queries' rows of a packed attention projection.

    Attributes:
        part: a view of the weight's memory.
        times: multiply-adds per image of each of its entries.
    """

    part: Tensor
    times: int


def uses_of_weights(recording: Recording) -> dict[str, list[Use]]:
    """Return where a forward pass multiplies by each prunable weight.

    Args:
        recording: a forward pass of the network.
    Returns:
        Uses by parameter name, empty if the pass never multiplies by the weight itself. Convolutions count every
        position of their kernel, including those over padding.
    """
    names = {memory_of(weight): name for name, weight in recording.weights.items()}
    uses: dict[str, list[Use]] = {name: [] for name in recording.weights}
    for call in recording.calls:
        if call.name not in _FACTORS:
            continue
        for factor in (call.args[place] for place in _FACTORS[call.name]):
            if memory_of(factor) in names:
                times = _multiply_adds(call) // (BATCH * factor.numel())
                uses[names[memory_of(factor)]].append(Use(factor, times))
    return uses


def multiply_adds(mask: np.ndarray, weight: Tensor, uses: list[Use]) -> int:
    """Return the multiply-adds per image with the kept entries of a weight.

    Args:
        mask: bool, True = kept, shaped like the weight.
        weight: as recorded.
        uses: of the weight.
    """
    kept = torch.zeros(weight.untyped_storage().nbytes() // weight.element_size(), dtype=torch.bool)
    _view(kept, weight).copy_(torch.from_numpy(mask))
    return sum(use.times * int(_view(kept, use.part).sum()) for use in uses)


def _view(memory: Tensor, like: Tensor) -> Tensor:
    return memory.as_strided(like.shape, like.stride(), like.storage_offset())


def _multiply_adds(call: Call) -> int:
    """Return the number of multiply-adds of one operation for the whole batch."""
    first, second = (call.args[place] for place in _FACTORS[call.name])
    if call.name != "convolution":
        return int(call.result.numel() * first.shape[-1])
    positions = first if call.arguments["transposed"] else call.result  # a kernel is applied once at each
    return int(positions.numel() * prod(second.shape[1:]))
