"""OBD: the second-order cost of removing a weight, with the diagonal empirical Fisher as curvature."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional

from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import Batches, Loss, Scores, each_batch, scoring_copy

Calls = dict[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]
"""The (input, output) pairs of every call of a prunable module in one forward pass."""


def obd(network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator) -> Scores:
    """Saliency 1/2 * h * w^2, where h is the mean over samples of the squared gradient of the sample's loss.

    The gradients are those of single samples, exactly: from each layer's input and output gradient, not from
    the mean gradient of a batch. Layers must be called as modules; groups and repeated calls are allowed.

    Args:
        network: scored in eval mode (BatchNorm uses running statistics, so samples do not mix); not changed.
        batches: images [B, C, H, W] and labels [B]; how samples are batched does not matter.
        loss: (logits [1, K], labels [1]) -> loss of one sample.
        generator: not used.
    Returns:
        One float64 tensor per prunable weight, shaped like it; higher means keep.
    Raises:
        ScoreError: there is no batch.
    Source: LeCun, Denker, Solla, "Optimal brain damage", NeurIPS 1989, eq. 5; the Fisher diagonal in place of
        the Hessian's is the choice of this project.
    """
    scored = scoring_copy(network, training=False)
    weights = prunable(scored)
    modules = {name: scored.get_submodule(name.rpartition(".")[0]) for name in weights}
    calls: Calls = defaultdict(list)
    for module in modules.values():
        module.register_forward_hook(_recorder(calls))
    squares = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
    samples = 0
    for images, labels in each_batch(batches):
        calls.clear()
        _add_squares(squares, modules, calls, _sample_losses(loss, scored(images), labels))
        samples += len(images)
    return {name: 0.5 * squares[name] / samples * weight.detach() ** 2 for name, weight in weights.items()}


def _recorder(calls: Calls):  # type: ignore[no-untyped-def]  # torch's own hook types
    def record(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        calls[module].append((inputs[0], output))
        # A later in-place ReLU must not overwrite what was recorded, or its gradient would be another one.
        return output.clone()

    return record


def _sample_losses(loss: Loss, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    # One call a sample: whatever the reduction of `loss`, each term is the loss of that sample alone.
    return torch.stack([loss(logits[i : i + 1], labels[i : i + 1]) for i in range(len(labels))]).sum()


def _add_squares(squares: Scores, modules: dict[str, nn.Module], calls: Calls, total: torch.Tensor) -> None:
    outputs = [output for name in squares for _, output in calls[modules[name]]]
    slopes = iter(torch.autograd.grad(total, outputs, materialize_grads=True))
    for name, square in squares.items():
        pairs = [_columns(modules[name], seen, next(slopes)) for seen, _ in calls[modules[name]]]
        if not pairs:
            continue  # a layer that the forward pass does not use has gradient zero
        # A weight that is used at several places, or in several calls, sums over all of them before squaring.
        joined = (
            pairs[0]
            if len(pairs) == 1
            else tuple(torch.cat(part, dim=-1) for part in zip(*pairs, strict=True))
        )
        square += _sum_of_squares(*joined).reshape(square.shape)


def _columns(module: nn.Module, seen: torch.Tensor, slope: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Bring a call into the form gradient[b,g,o,c] = sum over l of slope[b,g,o,l] * seen[b,g,c,l]."""
    seen = seen.detach()
    batch = len(seen)
    if isinstance(module, nn.Conv2d):
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        padded = functional.pad(seen, module._reversed_padding_repeated_twice, mode=mode)
        patches = functional.unfold(padded, module.kernel_size, module.dilation, 0, module.stride)
        groups = module.groups
        return (
            patches.reshape(batch, groups, -1, patches.shape[-1]),
            slope.reshape(batch, groups, module.out_channels // groups, -1),
        )
    rows = seen.reshape(batch, -1, seen.shape[-1])  # [B, L, in]
    return rows.mT.unsqueeze(1), slope.reshape(batch, rows.shape[1], -1).mT.unsqueeze(1)


def _sum_of_squares(seen: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Sum over samples of the squared gradient: [B, G, C, L] and [B, G, O, L] -> [G, O, C]."""
    _, groups, columns, places = seen.shape
    if places == 1:  # the square of one product is the product of squares
        return torch.einsum("bgo,bgc->goc", slope[..., 0].square(), seen[..., 0].square())
    result = seen.new_zeros(groups, slope.shape[2], columns)
    for sample_slope, sample_seen in zip(slope, seen, strict=True):  # one at a time: stays in the cache
        gradient = sample_slope @ sample_seen.mT
        result.addcmul_(gradient, gradient)
    return result
