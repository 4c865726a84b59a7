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

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunepipe.errors import ScoreError

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images [B, C, H, W] and labels [B], on the network's device."""
Batches = Iterable[Batch]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits [B, K], labels [B]) -> scalar, the mean over the batch."""
Scores = dict[str, torch.Tensor]


def scoring_copy(network: nn.Module, *, training: bool) -> nn.Module:
    """Return an independent copy, every parameter differentiable and without gradient.

    Args:
        network: left untouched.
        training: whether BatchNorm uses batch statistics (True) or its running ones (False). Batch statistics
            are taken in float64.
    """
    scored = copy.deepcopy(network).train(training).requires_grad_(True)
    if training:
        for module in scored.modules():
            if isinstance(module, _BatchNorm):
                _normalise_in_float64(module)
    return scored


def _normalise_in_float64(module: _BatchNorm) -> None:
    """Let a BatchNorm compute in float64, between layers that stay as they are.

    Its gradient is a difference of sums over all images and places that nearly cancel: in float32 a score
    may be off by 0.3 %, differently on every processor, and then masks depend on the machine.
    """

    def widen(module: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inputs[0].double(),)

    def narrow(module: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return output.to(dtype)

    dtype = next((tensor.dtype for tensor in module.state_dict().values()), torch.float32)
    module.double()
    module.register_forward_pre_hook(widen)
    module.register_forward_hook(narrow)


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
