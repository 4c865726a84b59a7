"""One training step: forward, backward, update and mask, in as few operations as possible."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunepipe.study.recipe import Recipe
from prunepipe.training.optimizers import Gradients, make_optimizer


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which a network runs in a precision; float32 changes nothing.

    The cache of converted weights is off: each weight is used once per step, and a captured graph must not read it.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


def default_generator(device: torch.device) -> torch.Generator:
    """Return a device's global random generator, which dropout draws from."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


class TrainingStep:
    """A callable that takes one training step with the recipe's optimizer and enforces the mask.

    Parameters stay bit-identical to those of a plain loop with torch's optimizer.

    Args:
        network: already on its device; trained in place.
        recipe: optimizer, label smoothing and clipping.
        mask: bool arrays by parameter name; pruned weights are zero after every step.
        precision: "float32", or "bfloat16" for autocast with float32 weights.

    Attributes:
        parameters: the trained parameters by name; those that require no gradient are not trained.
        optimizer: the optimizer, whose state is part of a checkpoint.
        loss: float64 [], sum over images since `reset`.
        correct: int64 [], images classified correctly since `reset`, in train mode and before their update.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, mask: Mapping[str, np.ndarray] | None, precision: str
    ) -> None:
        named = dict(network.named_parameters())
        self.network = network
        self.parameters: dict[str, Tensor] = {
            name: parameter for name, parameter in named.items() if parameter.requires_grad
        }
        self.optimizer = make_optimizer(recipe, self.parameters)
        self.device = next(iter(self.parameters.values())).device
        self._recipe = recipe
        self._precision = precision
        self._pruned: list[Tensor] = [named[name] for name in mask or {}]
        # With the weight's memory layout; otherwise the multiplication would need one kernel per layer.
        self._masks = [
            torch.empty_like(named[name]).copy_(torch.from_numpy(kept)).detach()
            for name, kept in (mask or {}).items()
        ]
        self._mask_of = dict(zip(mask or {}, self._masks, strict=True))
        clips = recipe.clip_gradient_norm is not None
        self._masks_gradients = bool(mask) and (clips or self.optimizer.masked_gradients)
        self.loss = torch.zeros((), dtype=torch.float64, device=self.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=self.device)
        self.apply_mask()

    def reset(self, loss: float = 0.0, correct: int = 0) -> None:
        """Set the sums of loss and correct answers to zero, or to those of a checkpoint."""
        self.loss.fill_(loss)
        self.correct.fill_(correct)

    @torch.no_grad()
    def apply_mask(self) -> None:
        """Set every pruned weight to zero."""
        if self._pruned:
            torch._foreach_mul_(self._pruned, self._masks)

    def mask_holds(self) -> bool:
        """Return whether every pruned weight is exactly zero."""
        return all(
            not weight[mask == 0].any() for weight, mask in zip(self._pruned, self._masks, strict=True)
        )

    def density(self) -> float:
        """Return the share of the masked weights that is kept."""
        kept = sum(int(mask.count_nonzero()) for mask in self._masks)
        return kept / sum(mask.numel() for mask in self._masks)

    def state(self) -> list[Tensor]:
        """Return every tensor that a step changes: parameters, buffers, optimizer, sums."""
        changed = [*self.parameters.values(), *self.network.buffers(), *self.optimizer.state.values()]
        return [*changed, self.loss, self.correct]

    @torch.no_grad()
    def copied_state(self) -> list[Tensor]:
        """Return copies of `state` that no gradient flows through.

        A copy with a gradient would keep parts of autograd's graph alive on the current stream, and no step could be
        captured on another.
        """
        return [value.clone() for value in self.state()]

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Take one step on images [B, C, H, W] and labels, int64 [B] or shares of the classes [B, K]."""
        gradients = self._backward(images, labels)
        with torch.no_grad():
            self.optimizer.update(self._clipped(self._masked(gradients)), learning_rate)
            self.apply_mask()

    def gradients(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the gradients of the masked weights, including pruned ones; no weight changes.

        A weight that is not trained has gradient zero.
        """
        found = dict(zip(self.parameters, self._backward(images, labels), strict=True))
        return {
            name: found[name].detach() if name in found else torch.zeros_like(mask)
            for name, mask in self._mask_of.items()
        }

    def masked_weights(self) -> dict[str, Tensor]:
        """Return the weights that have a mask, by parameter name; do not change them."""
        return {name: weight.detach() for name, weight in zip(self._mask_of, self._pruned, strict=True)}

    def kept(self) -> dict[str, Tensor]:
        """Return the current mask, bool by parameter name."""
        return {name: mask != 0 for name, mask in self._mask_of.items()}

    @torch.no_grad()
    def move_mask(self, kept: Mapping[str, Tensor]) -> None:
        """Replace the mask; weights that both masks keep retain value and optimizer state, all others become zero.

        Args:
            kept: bool, by parameter name.
        """
        stays = {}
        for name, mask in self._mask_of.items():
            stays[name] = mask.clone()
            mask.copy_(kept[name])
            stays[name] *= mask
        torch._foreach_mul_(self._pruned, list(stays.values()))
        for key, value in self.optimizer.state.items():
            stay = stays.get(key.partition("/")[2])
            if stay is not None:
                value *= stay

    def _backward(self, images: Tensor, labels: Tensor) -> Gradients:
        """Return the gradients of a batch by parameter, and count its loss and its correct answers."""
        with autocast(self.device, self._precision):
            logits = self.network(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self._recipe.label_smoothing)
        # A parameter that the forward pass does not use gets a gradient of zero.
        gradients = torch.autograd.grad(loss, list(self.parameters.values()), materialize_grads=True)
        with torch.no_grad():
            self.loss += loss.detach().double() * len(labels)
            classes = labels if labels.ndim == 1 else labels.argmax(1)
            self.correct += (logits.detach().argmax(1) == classes).sum()
        return gradients

    def _masked(self, gradients: Gradients) -> Gradients:
        """Set the gradients of pruned weights to zero if the optimizer or the clipping reads them."""
        if not self._masks_gradients:
            return gradients
        named = dict(zip(self.parameters, gradients, strict=True))
        pruned = [name for name in self._mask_of if name in named]  # others are frozen
        masks = [self._mask_of[name] for name in pruned]
        masked = torch._foreach_mul([named[name] for name in pruned], masks)
        return list({**named, **dict(zip(pruned, masked, strict=True))}.values())

    def _clipped(self, gradients: Gradients) -> Gradients:
        """Scale all gradients down to the largest allowed norm, as torch.nn.utils.clip_grad_norm_ does."""
        longest = self._recipe.clip_gradient_norm
        if longest is None:
            return gradients
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return torch._foreach_mul(gradients, torch.clamp(longest / (length + 1e-6), max=1.0))
