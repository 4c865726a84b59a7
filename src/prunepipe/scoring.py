"""Scoring a network: the contract of every score enforced, rounds of iterative pruning, the data it reads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import floor
from typing import Any

import numpy as np
import torch
from torch import nn

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.masks import select
from prunepipe.networks.prunable import prunable
from prunepipe.scores.contract import Batch, Batches, Loss, Scores
from prunepipe.structure import Arrays

ScoreFunction = Callable[..., Scores]
Allocate = Callable[[Arrays, int], Mapping[str, int]]
"""(scores, weights to keep) -> weights to keep by layer: an allocation with its structure and options."""


def score_network(
    network: nn.Module,
    score_function: ScoreFunction,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    options: Mapping[str, Any] | None = None,
    rounds: int = 1,
    density: float | None = None,
    allocate: Allocate | None = None,
) -> Arrays:
    """Score every prunable weight, and refuse scores that break the contract.

    With several rounds, round r of R scores the network pruned to density^((r - 1) / R), so that every round
    removes the same share of what is left. The last cut is not made here: the result holds the last round's
    scores, -inf where an earlier round pruned, and selection at `density` completes the schedule.

    Args:
        network: scored as it is; not changed.
        score_function: see `prunepipe.scores.contract`.
        batches: images [B, C, H, W] and labels [B], on the network's device; read once a round.
        loss: (logits [B, K], labels [B]) -> mean loss.
        generator: the score's randomness. What draws from torch's global stream instead, as dropout does,
            draws from a stream derived from it; the caller's global state is as before.
        options: keyword arguments of the score.
        rounds: rounds of iterative pruning; 1 is one-shot.
        density: share of weights that the last cut will keep; needed for several rounds.
        allocate: how a round's budget is shared among layers; needed for several rounds.
    Returns:
        One float array per prunable weight in module order; finite, or -inf where an earlier round pruned.
    Raises:
        ScoreError: the score breaks its contract; the text names score, layer and rule.
        ConfigError: several rounds without a density in (0, 1] or without an allocation.
    """
    pruned = copy.deepcopy(network) if rounds > 1 else network
    reread = list(batches) if rounds > 1 and iter(batches) is batches else batches
    mask: Arrays | None = None
    for round_number in range(1, rounds + 1):
        with _derived_global_stream(network, generator):
            scores = _checked_scores(pruned, score_function, reread, loss, generator, options or {})
        if mask is not None:
            scores = {name: np.where(mask[name], layer, -np.inf) for name, layer in scores.items()}
        if round_number < rounds:
            mask = _cut(scores, round_number / rounds, density, allocate)
            _prune(pruned, mask)
    return scores


def _cut(scores: Arrays, progress: float, density: float | None, allocate: Allocate | None) -> Arrays:
    if density is None or not 0 < density <= 1 or allocate is None:
        raise ConfigError(
            f"several rounds need an allocation and a density above 0 and at most 1, got {density}."
        )
    kept = floor(sum(layer.size for layer in scores.values()) * density**progress)
    return select(scores, allocate(scores, kept))


def _prune(network: nn.Module, mask: Arrays) -> None:
    for name, weight in prunable(network).items():
        weight.data.mul_(torch.from_numpy(mask[name]).to(weight.device))


def _checked_scores(
    network: nn.Module,
    score_function: ScoreFunction,
    batches: Batches,
    loss: Loss,
    generator: torch.Generator,
    options: Mapping[str, Any],
) -> Arrays:
    title = f"score {score_function.__module__}:{score_function.__qualname__}"
    before = _state(network)
    scores = score_function(network, batches, loss, generator=generator, **options)
    _require_unchanged(title, before, _state(network))
    weights = prunable(network)
    for name in [*weights, *scores]:
        if name not in scores:
            raise ScoreError(f"{title}: no scores for layer '{name}'; a score covers every prunable weight.")
        if name not in weights:
            raise ScoreError(f"{title}: scores for '{name}', which is no prunable weight of the network.")
    for name, weight in weights.items():
        _require_form(title, name, scores[name], weight)
    return {name: scores[name].detach().cpu().numpy() for name in weights}


def _require_form(title: str, name: str, scores: torch.Tensor, weight: torch.Tensor) -> None:
    if scores.shape != weight.shape:
        raise ScoreError(
            f"{title}: layer '{name}' has shape {tuple(scores.shape)}, must be {tuple(weight.shape)}."
        )
    if scores.dtype not in (torch.float32, torch.float64):
        raise ScoreError(f"{title}: layer '{name}' has type {scores.dtype}, must be float32 or float64.")
    broken = int((~torch.isfinite(scores)).sum())
    if broken:
        raise ScoreError(
            f"{title}: layer '{name}' has {broken:,} scores that are NaN or infinite, all must be finite; "
            "check the weights that are scored and the loss."
        )


def _state(network: nn.Module) -> dict[str, Any]:
    """Return a copy of all that a score must leave as it is, by description."""
    state: dict[str, Any] = {}
    for name, parameter in network.named_parameters():
        state[f"parameter '{name}'"] = parameter.detach().clone()
        state[f"gradient of '{name}'"] = None if parameter.grad is None else parameter.grad.clone()
        state[f"requires_grad of '{name}'"] = parameter.requires_grad
    for name, buffer in network.named_buffers():
        state[f"buffer '{name}'"] = buffer.clone()
    for name, module in network.named_modules():
        state[f"training flag of '{name}'"] = module.training
    return state


def _require_unchanged(title: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    for what in [*before, *after]:
        if not _same(before.get(what), after.get(what)):
            raise ScoreError(f"{title}: changed the network ({what}); work on scoring_copy(network) instead.")


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    return type(first) is type(second) and first == second


@contextmanager
def _derived_global_stream(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    # Dropout and a user's torch.rand know no generator; without this their scores would differ between runs.
    used = {parameter.device for parameter in network.parameters() if parameter.device.type == "cuda"}
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=sorted(device.index for device in used)):
        torch.manual_seed(seed)
        yield


def blank_batches(channels: int, height: int, width: int) -> list[Batch]:
    """Return one batch of one black image, for scores that read no data but may need its shape."""
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
    """Draw batches with the same number of images of each class, sorted by class; no image is drawn twice.

    Args:
        images: the training set, uint8 [N, C, H, W].
        labels: int64 [N].
        images_per_class: images of each class in each batch.
        batches: how many batches.
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
