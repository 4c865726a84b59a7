"""Choose exactly the given number of weights of a layer, on its device: the highest, or at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from prunepipe.errors import ScoreError

SAMPLED_EVERY = 61
"""Of large layers every such score is looked at first, which shows about where the threshold is."""


def highest(scores: Tensor, among: Tensor, count: int) -> Tensor:
    """Choose the weights with the highest scores.

    Args:
        scores: of one layer.
        among: bool, the weights to choose from.
        count: how many to choose; ties go to the lowest flat index.
    Returns:
        A bool tensor like `scores` with `count` True values.
    Raises:
        ScoreError: there are fewer to choose from.
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    candidates = _values(scores, among)
    if count > len(candidates):
        raise ScoreError(
            f"{count:,} weights of a layer are to be chosen, but there are only {len(candidates):,} to choose from."
        )
    least = _least_of_highest(candidates, count)
    chosen = (scores >= least) & among
    surplus = kept(chosen) - count
    if surplus:
        ties = ((scores == least) & among).nonzero()[
            -surplus:
        ]  # by flat index, however the layer is laid out
        chosen[tuple(ties.T)] = False
    return chosen


def kept(mask: Tensor) -> int:
    """Return the number of True values of a mask."""
    return int(mask.sum()) if mask.device.type != "cpu" else int(np.count_nonzero(mask.numpy()))


def _values(scores: Tensor, among: Tensor) -> Tensor:
    """Return the scores to choose from, in any order."""
    if scores.device.type != "cpu" or scores.stride() != among.stride():
        return scores[among]
    # Both as they lie in memory, which numpy selects from several times faster.
    return torch.from_numpy(scores.numpy().ravel(order="K")[among.numpy().ravel(order="K")])


def _least_of_highest(values: Tensor, count: int) -> float:
    if values.device.type != "cpu":
        return torch.topk(values, count, sorted=False).values.min().item()
    flat = values.numpy()
    sample = np.sort(flat[::SAMPLED_EVERY])
    rank, room = len(sample) * (1 - count / flat.size), 2 * len(sample) ** 0.5
    low, high = (sample[int(min(max(place, 0), len(sample) - 1))] for place in (rank - room, rank + room))
    above = int(np.count_nonzero(flat > high))
    between = flat[(flat >= low) & (flat <= high)]
    if above < count <= above + between.size:
        flat, count = between, count - above
    return float(np.partition(flat, flat.size - count)[flat.size - count])


def at_random(candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Choose uniformly among all sets of the given size.

    Args:
        candidates: bool, of one layer.
        count: how many of them to choose.
        generator: on the CPU.
    Returns:
        A bool tensor like `candidates` with `count` True values.
    """
    places = np.flatnonzero(candidates.flatten().cpu().numpy())
    few = min(count, len(places) - count)
    drawn = torch.zeros(len(places), dtype=torch.bool)
    missing = few
    while missing:  # what is drawn twice is drawn again, which favours no set
        drawn[torch.randint(len(places), (missing,), generator=generator)] = True
        missing = few - kept(drawn)
    chosen = torch.zeros(candidates.numel(), dtype=torch.bool)
    chosen[places[(drawn if few == count else ~drawn).numpy()]] = True
    return torch.empty_like(candidates).copy_(chosen.view(candidates.shape))
