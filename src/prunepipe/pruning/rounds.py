"""Score a network: enforce the contract, prune iteratively in rounds, draw the data that scores read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.errors import ConfigError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.masks import kept_after, select
from prunepipe.pruning.scores.contract import Batch, Batches, Loss
from prunepipe.pruning.scores.enforcing import Scorer

Allocate = Callable[[Arrays, int], Mapping[str, int]]
"""(scores, weights to keep) -> weights to keep by layer: an allocation with its structure and options."""


class Rounds(NamedTuple):
    """Iterative pruning: every round removes the same share of the remaining weights.

    Attributes:
        number: number of rounds R; 1 is one-shot.
        density: share of all weights that the last cut keeps, in (0, 1].
        allocate: distributes the budget of a round over the layers.
    """

    number: int
    density: float
    allocate: Allocate


def score_network(
    network: nn.Module,
    scorer: Scorer,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    rounds: Rounds | None = None,
) -> Arrays:
    """Score every prunable weight, and raise an error if the scores violate the contract.

    Round r of R scores the network pruned to density^((r - 1) / R). The last cut is not made here; selection at
    `density` completes the schedule.

    Args:
        network: scored as it is; not changed.
        scorer: the score with its settings.
        batches: images [B, C, H, W] and labels [B], on the network's device; read once per round.
        loss: (logits [B, K], labels [B]) -> mean loss.
        generator: the score's randomness; the global streams of torch, numpy and random are derived from it.
        rounds: iterative pruning; None: one-shot.
    Returns:
        One float array per prunable weight in module order; finite, or -inf where an earlier round pruned.
        A mask becomes 1 (kept) and 0 (removed).
    Raises:
        ScoreError: the score violates its contract; the text names score, layer and rule.
    """
    if rounds is None or rounds.number == 1:
        return scorer.scores(network, batches, loss, generator=generator)
    pruned = copy.deepcopy(network)
    scores = scorer.scores(pruned, batches, loss, generator=generator)
    for done in range(1, rounds.number):
        mask = _cut(scores, done / rounds.number, rounds)
        _prune(pruned, mask)
        scores = scorer.scores(pruned, batches, loss, generator=generator)
        for name, layer in mask.items():
            np.copyto(scores[name], -np.inf, where=~layer)
    return scores


def _cut(scores: Arrays, progress: float, rounds: Rounds) -> Arrays:
    size = sum(layer.size for layer in scores.values())
    budgets = (kept_after(size, rounds.density, share) for share in (progress, 1.0))
    now, at_last = (rounds.allocate(scores, budget) for budget in budgets)
    return select(scores, {name: _between(now[name], at_last[name], layer) for name, layer in scores.items()})


def _between(now: int, at_last: int, scores: np.ndarray) -> int:
    """Limit each layer's budget to what earlier rounds left, but keep what later rounds need.

    Allocations round to whole weights, so a layer's count may fall by one and rise again.
    """
    return min(max(now, at_last), int(np.count_nonzero(~np.isneginf(scores))))


def _prune(network: nn.Module, mask: Arrays) -> None:
    for name, weight in prunable(network).items():
        weight.data.mul_(torch.from_numpy(mask[name]).to(weight.device))


def blank_batches(channels: int, height: int, width: int) -> list[Batch]:
    """Return one batch with one black image, for scores that read no data but may need its shape."""
    return [(torch.zeros(1, channels, height, width), torch.zeros(1, dtype=torch.int64))]


def balanced_batches(
    images: np.ndarray,
    labels: np.ndarray,
    images_per_class: int,
    batches: int,
    classes: int,
    transform: Callable[[torch.Tensor], torch.Tensor],
    *,
    generator: torch.Generator,
) -> list[Batch]:
    """Draw batches with the same number of images per class, sorted by class; no image is drawn twice.

    Args:
        images: the training set, uint8 [N, C, H, W].
        labels: int64 [N].
        images_per_class: images per class in each batch.
        batches: number of batches.
        classes: number of classes K.
        transform: uint8 images [B, C, H, W] -> float images, augmented and normalised.
        generator: draws the images; the augmentation's randomness is the transform's own.
    Returns:
        Batches of images [K * images_per_class, C, H, W] and labels, on the CPU.
    Raises:
        ConfigError: a class has too few images; the text names class, count and need.
    """
    need = images_per_class * batches
    drawn = []
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        if len(members) < need:
            raise ConfigError(
                f"class {label} has {len(members)} training images, the score needs {need} "
                f"({images_per_class} per class x {batches} batches); lower images_per_class or batches."
            )
        order = torch.randperm(len(members), generator=generator).numpy()[:need]
        drawn.append(members[order].reshape(batches, images_per_class))
    positions = np.stack(drawn, axis=1).reshape(batches, -1)  # [batch, class * images_per_class]
    return [
        (transform(torch.from_numpy(images[rows])), torch.from_numpy(labels[rows].astype(np.int64)))
        for rows in positions
    ]
