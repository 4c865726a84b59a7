"""Choose exactly the given number of weights of a layer, on its device: the largest, or at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prunepipe.errors import ScoreError

SAMPLED_EVERY = 251
"""Stride of the sample from which the threshold of a layer is estimated."""
CHUNK = 2**16
"""Values that are compared at once, so that they stay in the processor's cache."""
FEW = 4
"""If less than one weight in FEW is a candidate, only the candidates are read."""

Array = npt.NDArray[Any]


def largest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """Choose the weights with the largest absolute values.

    Args:
        values: of one layer.
        among: bool, the weights to choose from.
        count: how many to choose; ties go to the lowest flat index.
    Returns:
        A bool tensor like `values` with `count` True values.
    Raises:
        ScoreError: there are fewer to choose from.
    """
    available = kept(among)
    if count > available:
        raise ScoreError(
            f"{count:,} weights of a layer are to be chosen, but there are only {available:,} to choose from."
        )
    chosen = torch.zeros_like(values, dtype=torch.bool)
    if count == 0:
        return chosen
    if values.device.type != "cpu":
        chosen = largest_by_topk(values, among, count)
    else:
        inside = in_memory(among if among.stride() == values.stride() else chosen.clone().copy_(among))
        if available * FEW < values.numel():
            places = np.flatnonzero(inside)
            in_memory(chosen)[places] = _largest(in_memory(values)[places], None, count)
        else:
            in_memory(chosen)[:] = _largest(
                in_memory(values), inside if available < inside.size else None, count
            )
    surplus = kept(chosen) - count
    if surplus:  # by flat index, however the layer is laid out
        sizes = values.abs()
        ties = (chosen & (sizes == sizes[chosen].min())).nonzero()[-surplus:]
        chosen[tuple(ties.T)] = False
    return chosen


def largest_by_topk(values: Tensor, among: Tensor, count: int) -> Tensor:
    """Return a mask of the `count` largest absolute values among some, and of all that equal the least; for GPUs."""
    sizes = torch.where(among, values.abs(), -1.0)
    return sizes >= torch.topk(sizes.flatten(), count).values[-1]


def kept(mask: Tensor) -> int:
    """Return the number of True values of a mask."""
    return int(mask.sum()) if mask.device.type != "cpu" else int(np.count_nonzero(mask.numpy()))


def in_memory(tensor: Tensor) -> Array:
    """Return the values of a tensor on the CPU in the order in which they lie in memory, without a copy if dense."""
    return tensor.numpy().ravel(order="K")


def _largest(values: Array, among: Array | None, count: int) -> Array:
    """Return a mask of the `count` largest absolute values among some, and of all that equal the least of them."""
    low, high = _threshold_bounds(values, among, count)
    chosen, places = np.empty(values.size, bool), []
    for start in range(0, values.size, CHUNK):
        part = slice(start, start + CHUNK)
        sizes = np.abs(values[part])
        wide = sizes >= low
        if among is not None:
            wide &= among[part]
        chosen[part] = (sizes > high) & wide
        places.append(np.flatnonzero(wide ^ chosen[part]) + start)
    close, above = np.concatenate(places), int(np.count_nonzero(chosen))
    if not above < count <= above + close.size:  # a bound from the sample does not hold
        close, above = np.flatnonzero(np.ones(values.size, bool) if among is None else among), 0
        chosen[:] = False
    sizes = np.abs(values[close])
    place = close.size - (count - above)
    chosen[close[sizes >= np.partition(sizes, place)[place]]] = True
    return chosen


def _threshold_bounds(values: Array, among: Array | None, count: int) -> tuple[float, float]:
    """Estimate from a sample a lower and an upper bound of the `count`-th largest absolute value."""
    sample = values[::SAMPLED_EVERY] if among is None else values[::SAMPLED_EVERY][among[::SAMPLED_EVERY]]
    sample = np.sort(np.abs(sample))
    share = count / (values.size if among is None else int(np.count_nonzero(among)))
    rank, room = len(sample) * (1 - share), 4 * (len(sample) * share * (1 - share)) ** 0.5 + 4
    low, high = (int(min(max(place, 0), len(sample) - 1)) for place in (rank - room, rank + room))
    return (float(sample[low]), float(sample[high])) if len(sample) else (0.0, 0.0)


def at_random(candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Choose uniformly among all sets of the given size.

    Args:
        candidates: bool, of one layer.
        count: how many of them to choose.
        generator: on the CPU.
    Returns:
        A bool tensor like `candidates` with `count` True values.
    """
    available = kept(candidates)
    few = min(count, available - count)  # to choose, or to leave out
    chosen = torch.zeros_like(candidates)
    if candidates.device.type == "cpu" and few * FEW < available and available * FEW > candidates.numel():
        # Most positions are candidates that were not drawn yet; the others are drawn again, which favours no set.
        free, taken, missing = in_memory(candidates), in_memory(chosen), few
        while missing:
            drawn = _places(torch.randint(candidates.numel(), (missing,), generator=generator), candidates)
            taken[drawn[free[drawn]]] = True
            missing = few - kept(chosen)
    else:
        places = np.flatnonzero(candidates.flatten().cpu().numpy())
        drawn = places[torch.randperm(available, generator=generator)[:few].numpy()]
        flat = np.zeros(candidates.numel(), bool)
        flat[drawn] = True
        chosen.copy_(torch.from_numpy(flat).view(candidates.shape))
    return chosen if few == count else candidates & ~chosen


def _places(flat: Tensor, layer: Tensor) -> Array:
    """Return where flat indices of a layer lie in its memory, so that its layout does not change what is drawn."""
    coordinates = torch.stack(torch.unravel_index(flat, layer.shape))
    return (coordinates * torch.tensor(layer.stride())[:, None]).sum(dim=0).numpy()
