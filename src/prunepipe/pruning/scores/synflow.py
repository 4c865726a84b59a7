"""SynFlow: the share of the total flow from input to output that passes through a weight; needs no data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from prunepipe.errors import ScoreError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores.contract import Batches, Loss, Scores, each_batch, gradients, scoring_copy

NOT_OF_PATHS = frozenset({
    "native_layer_norm", "native_group_norm", "_fused_rms_norm", "_softmax", "_safe_softmax", "_log_softmax",
})  # fmt: skip
"""Operations of torch that are no sums of terms with non-negative factors."""


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the names of the operations that a network is made of."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports torch's compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(func.overloadpacket.__name__))
        return func(*args, **(kwargs or {}))


def synflow(network: nn.Module, batches: Batches, loss: Loss, *, generator: torch.Generator) -> Scores:
    """Synaptic flow |w * dR/dw|, where R is the summed output with |weights| on an image of ones.

    This is one round; the method is meant for many (`rounds` of the study). As in its authors' code, every parameter
    and floating buffer is replaced by its absolute value, BatchNorm is in eval mode, and everything is float64, since
    products over many layers exceed the range of float32. The cap of activations such as ReLU6 is removed.

    Args:
        network: not changed.
        batches: only the shape of the first image is read.
        loss: not used.
        generator: not used.
    Returns:
        One float64 tensor per prunable weight, shaped like it; higher means keep.
    Raises:
        ScoreError: there is no batch to take the image shape from, or the network normalises over features or by
            softmax: then its output is no sum over paths, no flow is conserved, and a score would mean nothing.
    Source: Tanaka, Kunin, Yamins, Ganguli, "Pruning neural networks without any data by iteratively
        conserving synaptic flow", NeurIPS 2020, eq. 2, algorithm 1.
    """
    images, _ = next(each_batch(batches))
    scored = scoring_copy(network, training=False)
    for module in scored.modules():
        if isinstance(module, nn.Hardtanh):  # such as ReLU6, whose cap would stop the growing flow
            module.max_val = float("inf")
    with torch.no_grad():
        for tensor in scored.state_dict().values():
            if tensor.is_floating_point():  # counters, indices and switches stay unchanged
                tensor.abs_()
    weights = prunable(scored)
    with _Operations() as used:
        flow = scored(torch.ones_like(images[:1], dtype=torch.float64)).sum()
    broken = sorted(used.names & NOT_OF_PATHS)
    if broken:
        raise ScoreError(
            f"synflow: the network uses {' and '.join(broken)}, behind which its output is no sum over paths, so there "
            "is no flow to conserve. Take another score, such as magnitude or snip."
        )
    return {  # in place: the copy is ours
        name: weights[name].detach().mul_(gradient).abs_()
        for name, gradient in gradients(flow, weights).items()
    }
