"""The contract of every score: what it receives and may return; and helpers to implement one.

A score is `score(network, batches, loss, *, generator, **options) -> {weight name: scores}`: one tensor per prunable
weight, shaped like it, higher means keep. The network is the score's own copy, in train mode, every parameter
differentiable and without gradient; the score may change it. The global streams of torch, numpy and random are seeded.

A score receives the arguments that it names, in any order (`prunepipe.pruning.scores.calling`), and returns any of the
usual forms (`prunepipe.pruning.scores.answers`): by name, by module or by parameter; tensors or arrays, on any device
and of any type; or a mask, including one made by torch.nn.utils.prune.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from prunepipe.errors import ConfigError, ScoreError, unknown_name
from prunepipe.networks.prunable import weights_of

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images [B, C, H, W] and labels [B], on the network's device."""
Batches = Iterable[Batch]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits [B, K], labels [B]) -> scalar, the mean over the batch."""
Scores = dict[str, torch.Tensor]
DTYPES = {"float64": torch.float64, "float32": torch.float32}
"""The floating types for scoring, by name."""


def scoring_copy(network: nn.Module, *, training: bool, dtype: str = "float64") -> nn.Module:
    """Copy a network for scoring: in one floating type, every parameter differentiable and without gradient.

    The copy accepts images of any floating type. In float32 a score may be off by 0.3 %, differently on every processor
    (BatchNorm's gradient is a difference of sums that nearly cancel), so masks would depend on the machine.

    Args:
        network: not changed.
        training: whether BatchNorm uses batch statistics (True) or running statistics (False).
        dtype: "float64" or "float32", for weights, buffers, images and everything computed from them.
    Raises:
        ConfigError: the type is neither.
    """
    if dtype not in DTYPES:
        raise ConfigError(unknown_name("dtype", dtype, DTYPES))
    kind = DTYPES[dtype]
    scored = copy.deepcopy(network).to(kind).train(training).requires_grad_(True)
    scored.register_forward_pre_hook(lambda _, inputs: tuple(_cast(value, kind) for value in inputs))
    return scored


def redraw_linear_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw Linear and attention weights anew from Xavier's normal distribution, in place.

    Args:
        network: the copy that is scored.
        generator: draws them, in float32, so that the draw does not depend on the arithmetic of the score.
    """
    for weight in weights_of(network):
        if weight.parameter is not None and isinstance(weight.module, (nn.Linear, nn.MultiheadAttention)):
            fresh = torch.empty(weight.parameter.shape, dtype=torch.float32, device=generator.device)
            weight.parameter.data.copy_(nn.init.xavier_normal_(fresh, generator=generator))


def _cast(value: Any, kind: torch.dtype) -> Any:
    return value.to(kind) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def each_batch(batches: Batches) -> Iterator[Batch]:
    """Yield every batch, and raise an error if there is none.

    Raises:
        ScoreError: there is no batch; a score that saw no data would be zero everywhere.
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
    """Return d total / d weight by name; zero for weights that were not used.

    Args:
        total: a scalar.
        weights: parameters by name.
        graph: keep the graph, so that the gradients can be differentiated again.
    """
    parts = torch.autograd.grad(total, list(weights.values()), create_graph=graph, materialize_grads=True)
    return dict(zip(weights, parts, strict=True))


def summed_gradients(
    batches: Batches,
    logits: Callable[[torch.Tensor], torch.Tensor],
    weights: dict[str, nn.Parameter],
    loss: Loss,
) -> Scores:
    """Return the gradients of the loss with respect to the weights, summed over batches."""
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for images, labels in batches:
        for name, gradient in gradients(loss(logits(images), labels), weights).items():
            total[name] += gradient
    return total
