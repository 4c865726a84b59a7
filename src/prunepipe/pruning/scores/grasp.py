"""GraSP: keep the weights whose removal would reduce the gradient flow most."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.options import checked
from prunepipe.pruning.scores.contract import (
    Batch,
    Batches,
    Loss,
    Scores,
    each_batch,
    gradients,
    redraw_linear_weights,
    scoring_copy,
    summed_gradients,
)
from prunepipe.pruning.scores.options import GraspOptions


def grasp(
    network: nn.Module,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    temperature: float = 200.0,
    halves: str = "first_last",
    redraw_linear: bool = False,
    dtype: str = "float64",
) -> Scores:
    """Gradient signal preservation w * Hg, signed, of every prunable weight.

    Every batch is split in halves, each passed through the network (in train mode) separately; g is the sum over
    halves of dL/dw, and Hg the sum over halves of d(g . dL/dw)/dw with g held constant.

    Args:
        network: not changed.
        batches: images [B, C, H, W] and labels [B], B >= 2; B >= 4 if a BatchNorm sees a single value per
            channel and image, since half a batch must then hold two.
        loss: (logits [B, K], labels [B]) -> mean loss.
        generator: draws the Linear weights when `redraw_linear` is set.
        temperature: logits are divided by it.
        halves: "first_last" as the reference (of a batch sorted by class, each half holds half of the
            classes) or "interleaved" (every second image, so that both halves hold all classes).
        redraw_linear: score with redrawn Linear and attention weights (Xavier normal), as the reference does by
            default. Off here, so that the ticket's own weights are scored.
        dtype: "float64" or "float32", for all arithmetic.
    Returns:
        One tensor per prunable weight, shaped like it; higher means keep.
    Raises:
        ConfigError: an option has an impossible value.
        ScoreError: a batch cannot be halved, its half is too small for BatchNorm, or there is none.
    Source: Wang, Zhang, Grosse, "Picking winning tickets before training by preserving gradient flow",
        ICLR 2020, eq. 8, algorithm 2.
    """
    options = {"temperature": temperature, "halves": halves, "redraw_linear": redraw_linear, "dtype": dtype}
    checked(GraspOptions, "grasp: ", options)
    scored = scoring_copy(network, training=True, dtype=dtype)
    if redraw_linear:
        redraw_linear_weights(scored, generator)
    weights = prunable(scored)
    parts = [half for batch in each_batch(batches) for half in _split(batch, halves)]
    product = _hessian_gradient(parts, lambda images: _logits(scored, images) / temperature, weights, loss)
    return {name: weight.detach() * product[name] for name, weight in weights.items()}


def _hessian_gradient(
    parts: list[Batch], logits: Callable[[Tensor], Tensor], weights: dict[str, nn.Parameter], loss: Loss
) -> Scores:
    """Return H g, where H and g are the Hessian and the gradient of the loss summed over all parts."""
    gradient = summed_gradients(parts, logits, weights, loss)
    product = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for images, labels in parts:
        flow = gradients(loss(logits(images), labels), weights, graph=True)
        alignment = torch.stack([(gradient[name] * flow[name]).sum() for name in weights]).sum()
        for name, slope in gradients(alignment, weights).items():
            product[name] += slope
    return product


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    try:
        logits: Tensor = network(images)
    except ValueError as error:
        if len(images) > 1 or "more than 1 value per channel" not in str(error):
            raise
        raise ScoreError(
            "grasp: half of a batch is one image, and BatchNorm has no variance of one; raise scoring.images_per_class "
            "until a batch holds 4 images."
        ) from error
    return logits


def _split(batch: Batch, halves: str) -> tuple[Batch, Batch]:
    images, labels = batch
    if len(images) < 2:
        raise ScoreError(
            "grasp: a batch holds 1 image and cannot be halved; use more images a class or fewer batches."
        )
    if halves == "interleaved":
        return (images[::2], labels[::2]), (images[1::2], labels[1::2])
    middle = len(images) // 2
    return (images[:middle], labels[:middle]), (images[middle:], labels[middle:])
