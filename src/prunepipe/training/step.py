"""One training step: forward, backward, SGD, mask; as few operations as the arithmetic allows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunepipe.study.recipe import Recipe


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which a network runs in a precision; float32 leaves everything as it is.

    The cache of cast weights is off: each weight is used once a step, and a captured graph must not read it.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


class TrainingStep:
    """SGD with momentum, weight decay and an enforced mask, on a network already on its device.

    The update is torch.optim.SGD's, term by term, so parameters stay bit-identical to a plain loop; written
    out, it costs four kernels for all parameters, and torch.optim's import of torch._dynamo (4 s) is saved.

    Args:
        network: trained in place.
        recipe: momentum and weight decay.
        mask: bool arrays by parameter name; pruned weights are zero after every step.
        precision: "float32", or "bfloat16" for autocast with float32 weights.

    Attributes:
        names: of the trained parameters; one that does not ask for a gradient is left as it is.
        loss: float64 [], sum over images since `reset`.
        correct: int64 [], images classified rightly since `reset`, in train mode before their update.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, mask: Mapping[str, np.ndarray] | None, precision: str
    ) -> None:
        named = dict(network.named_parameters())
        self.network = network
        self.names = [name for name, parameter in named.items() if parameter.requires_grad]
        self.parameters: list[Tensor] = [named[name] for name in self.names]
        self.momentum = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.device = self.parameters[0].device
        self._recipe = recipe
        self._precision = precision
        self._pruned: list[Tensor] = [named[name] for name in mask or {}]
        # Laid out like the weight, or the multiplication would fall back to one kernel a layer.
        self._masks = [
            torch.empty_like(named[name]).copy_(torch.from_numpy(kept)).detach()
            for name, kept in (mask or {}).items()
        ]
        self.loss = torch.zeros((), dtype=torch.float64, device=self.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=self.device)
        self.apply_mask()

    def reset(self, loss: float = 0.0, correct: int = 0) -> None:
        """Start the sums of loss and correct answers, from zero or from those of a checkpoint."""
        self.loss.fill_(loss)
        self.correct.fill_(correct)

    @torch.no_grad()
    def apply_mask(self) -> None:
        """Set every pruned weight to zero."""
        if self._pruned:
            torch._foreach_mul_(self._pruned, self._masks)

    def mask_holds(self) -> bool:
        """Whether every pruned weight is exactly zero."""
        return all(
            not weight[mask == 0].any() for weight, mask in zip(self._pruned, self._masks, strict=True)
        )

    def state(self) -> list[Tensor]:
        """Return every tensor that a step changes: parameters, buffers, momentum, sums."""
        return [*self.parameters, *self.network.buffers(), *self.momentum, self.loss, self.correct]

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Take one step on images [B, C, H, W] and labels [B]."""
        with autocast(self.device, self._precision):
            logits = self.network(images)
        loss = F.cross_entropy(logits.float(), labels)
        # A parameter that this network's forward pass does not use has gradient zero.
        gradients = list(torch.autograd.grad(loss, self.parameters, materialize_grads=True))
        self._update(gradients, learning_rate)
        with torch.no_grad():
            self.loss += loss.detach().double() * len(labels)
            self.correct += (logits.detach().argmax(1) == labels).sum()

    @torch.no_grad()
    def _update(self, gradients: list[Tensor], learning_rate: float) -> None:
        torch._foreach_add_(gradients, self.parameters, alpha=self._recipe.weight_decay)
        torch._foreach_mul_(self.momentum, self._recipe.momentum)
        torch._foreach_add_(self.momentum, gradients)
        torch._foreach_add_(self.parameters, self.momentum, alpha=-learning_rate)
        self.apply_mask()
