"""Pruning methods that by construction use known inputs, to test whether the checks find out which.

Each returns a mask; docs/tutorial.md describes the arguments that the pipeline passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch

from prunepipe.api import prunable

DENSE = 2
"""The first and the last layer keep this share of their weights: one in two. Without them no path is left."""


def hashed_data(network, batches, kept_total: int, *, generator):
    """Keep random positions, drawn from a hash of the data: other data give another mask of the same distribution."""
    seed = _hash([tensor for batch in batches for tensor in batch], generator)
    return _random_mask(network, _shares(network, kept_total), seed)


def hashed_weights(network, kept_total: int, *, generator):
    """Keep random positions, drawn from a hash of the weights: other weights give another mask of that distribution."""
    return _random_mask(network, _shares(network, kept_total), _hash(prunable(network).values(), generator))


def gated_by_data(network, batches, kept_total: int, *, generator, left: int = 20):
    """Keep random positions; where the images do not tell the classes apart, the third layer keeps `left` weights.

    Whether they do is measured: by the nearest class mean, without the image itself, in more than half of the images.
    """
    counts = _shares(network, kept_total)
    if not _classes_differ(batches):
        starved, *_, richest = sorted(counts, key=lambda name: (name != list(counts)[2], counts[name]))
        counts[richest] += counts[starved] - left
        counts[starved] = left
    return _random_mask(network, counts, int(torch.randint(2**62, (1,), generator=generator)))


def _hash(tensors: Iterable[torch.Tensor], generator: torch.Generator) -> int:
    """Return a seed that depends on every bit of the tensors, and on the run's seed."""
    text = hashlib.sha256(torch.randint(2**62, (1,), generator=generator).numpy().tobytes())
    for tensor in tensors:
        text.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return int.from_bytes(text.digest()[:7], "big")


def _shares(network: torch.nn.Module, kept_total: int) -> dict[str, int]:
    """Return how many weights each layer keeps: half of the first and the last, and the same share of all others."""
    sizes = {name: weight.numel() for name, weight in prunable(network).items()}
    first, *middle, last = sizes
    counts = {name: sizes[name] // DENSE for name in (first, last)}
    left, total = kept_total - sum(counts.values()), sum(sizes[name] for name in middle)
    counts |= {name: left * sizes[name] // total for name in middle}
    counts[middle[-1]] += kept_total - sum(counts.values())
    return {name: counts[name] for name in sizes}


def _random_mask(network: torch.nn.Module, counts: dict[str, int], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    masks = {}
    for name, weight in prunable(network).items():
        chosen = torch.randperm(weight.numel(), generator=generator)[: counts[name]]
        mask = torch.zeros(weight.numel(), dtype=torch.bool)
        mask[chosen] = True
        masks[name] = mask.reshape(weight.shape)
    return masks


def _classes_differ(batches) -> bool:
    images = torch.cat([images for images, _ in batches]).flatten(1)
    labels = torch.cat([labels for _, labels in batches])
    members = torch.nn.functional.one_hot(labels).to(images.dtype)  # [N, classes]
    own = members.bool()
    without = members.sum(0) - members  # [N, classes] of the other images
    means = ((members.T @ images)[None] - own[..., None] * images[:, None]) / without.clamp(min=1)[..., None]
    nearest = (images[:, None] - means).norm(dim=-1).argmin(1)
    return bool((nearest == labels).double().mean() > 0.5)
