"""What every score is given and may give back, and helpers for the copy that it works on.

A score is `score(network, batches, loss, *, generator, **options) -> {weight name: scores}`: one tensor per prunable
weight, shaped like it, higher means keep. The network is its own: a copy, in train mode, every parameter differentiable
and without gradient; it may be changed in any way. The global streams of torch, numpy and random are seeded.

It takes the arguments that it names, in any order (`prunepipe.pruning.scores.calling`), and answers in any of the
usual forms (`prunepipe.pruning.scores.answers`): by name, by module or by parameter; tensors or arrays, of any device
and type; or a mask, also one of torch.nn.utils.prune.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from prunepipe.errors import ConfigError, ScoreError, unknown_name

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images [B, C, H, W] and labels [B], on the network's device."""
Batches = Iterable[Batch]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits [B, K], labels [B]) -> scalar, the mean over the batch."""
Scores = dict[str, torch.Tensor]
DTYPES = {"float64": torch.float64, "float32": torch.float32}
"""The types that a network can be scored in, by name."""


def scoring_copy(network: nn.Module, *, training: bool, dtype: str = "float64") -> nn.Module:
    """Return an independent copy in one floating type, every parameter differentiable and without gradient.

    It takes images of any floating type. In float32 a score may be off by 0.3 %, differently on every processor (the
    slope of BatchNorm is a difference of sums that nearly cancel), and then masks depend on the machine.

    Args:
        network: left untouched.
        training: whether BatchNorm uses batch statistics (True) or its running ones (False).
        dtype: "float64" or "float32": of weights, buffers, images and all that is computed from them.
    Raises:
        ConfigError: another type.
    """
    if dtype not in DTYPES:
        raise ConfigError(unknown_name("dtype", dtype, DTYPES))
    kind = DTYPES[dtype]
    scored = copy.deepcopy(network).to(kind).train(training).requires_grad_(True)
    scored.register_forward_pre_hook(lambda _, inputs: tuple(_cast(value, kind) for value in inputs))
    return scored


def _cast(value: Any, kind: torch.dtype) -> Any:
    return value.to(kind) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def each_batch(batches: Batches) -> Iterator[Batch]:
    """Yield every batch.

    Raises:
        ScoreError: there is none; a score that saw no data would be zero everywhere.
    """
    seen = False
    for batch in batches:
        seen = True
        yield batch
    if not seen:
        raise ScoreError(
            "the score was given no batch of data; check the size of the data set and of its batches."
        )


def gradients(total: torch.Tensor, weights: dict[str, nn.Parameter], *, graph: bool = False) -> Scores:
    """Return d total / d weight by name, zero where a weight was not used.

    Args:
        total: a scalar.
        weights: parameters by name.
        graph: keep the graph, to differentiate the gradients again.
    """
    parts = torch.autograd.grad(total, list(weights.values()), create_graph=graph, materialize_grads=True)
    return dict(zip(weights, parts, strict=True))
