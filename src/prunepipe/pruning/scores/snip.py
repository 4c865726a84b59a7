"""SNIP: how sensitive the loss is to a connection."""

from __future__ import annotations

import torch
from torch import nn

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import (
    Batches,
    Loss,
    Scores,
    each_batch,
    redraw_linear_weights,
    scoring_copy,
    summed_gradients,
)


def snip(
    network: nn.Module,
    batches: Batches,
    loss: Loss,
    *,
    generator: torch.Generator,
    redraw_linear: bool = False,
    dtype: str = "float64",
) -> Scores:
    """Connection sensitivity |w * dL/dw| of every prunable weight.

    Args:
        network: scored in train mode (BatchNorm uses batch statistics); not changed.
        batches: images [B, C, H, W] and labels [B]; gradients are summed over batches, and since `loss` is a
            mean over its batch, batches of different sizes count equally.
        loss: (logits [B, K], labels [B]) -> mean loss.
        generator: draws the Linear weights if `redraw_linear` is set.
        redraw_linear: score with redrawn Linear and attention weights (Xavier normal), as the reference does for GraSP:
            where the initial distribution of the last layer is narrow, it decides how much of that layer SNIP keeps.
        dtype: "float64" or "float32", for all arithmetic.
    Returns:
        One tensor per prunable weight, shaped like it; higher means keep.
    Raises:
        ConfigError: another `dtype`.
        ScoreError: there is no batch.
    Source: Lee, Ajanthan, Torr, "SNIP", ICLR 2019, eq. 6, without its normalisation, which does not change the ranking.
    """
    scored = scoring_copy(network, training=True, dtype=dtype)
    if redraw_linear:
        redraw_linear_weights(scored, generator)
    weights = prunable(scored)
    total = summed_gradients(each_batch(batches), scored, weights, loss)
    return {name: (weight.detach() * total[name]).abs() for name, weight in weights.items()}
