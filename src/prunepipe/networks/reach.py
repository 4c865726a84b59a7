"""Maps of zeros and ones: which numbers in memory depend on the image, and which weights are kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Some(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, terms: Tensor, least: float) -> Tensor:
        ctx.least = least
        return (terms > least).to(terms.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return (gradient > ctx.least).to(gradient.dtype), None


def some(terms: Tensor, least: float = 0.0) -> Tensor:
    """Return 1 where a sum of non-negative terms is above `least`, else 0; of its gradient too.

    So no number grows or shrinks with depth: nothing overflows, and no underflow looks like a cut.
    """
    result: Tensor = _Some.apply(terms, least)
    return result


class Maps:
    """A map of zeros and ones for each tensor's memory, so that views and changes in place need no rules.

    For what depends on the image it says which entries do. For what is made of prunable weights alone it says
    which entries may be other than zero. Memory without a map is constant.
    """

    def __init__(self) -> None:
        self._flat: dict[int, Tensor] = {}
        self._of_image: dict[int, bool] = {}

    def of_image(self, tensor: Tensor) -> bool:
        """Return whether a tensor may depend on the image."""
        return self._of_image.get(memory_of(tensor), False) and tensor.numel() > 0

    def of_weights(self, tensor: Tensor) -> bool:
        """Return whether a tensor is made of prunable weights, and not of the image."""
        return not self._of_image.get(memory_of(tensor), True) and tensor.numel() > 0

    def known(self, tensor: Tensor) -> bool:
        """Return whether a tensor is no constant."""
        return self.of_image(tensor) or self.of_weights(tensor)

    def read(self, tensor: Tensor) -> Tensor:
        """Return the map of a tensor that is known, float32, shaped like it."""
        flat = _regrouped(self._flat[memory_of(tensor)], _length(tensor))
        return flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def reached(self, tensor: Tensor) -> Tensor:
        """Return where a tensor depends on the image."""
        return self.read(tensor) if self.of_image(tensor) else torch.zeros(tensor.shape)

    def nonzero(self, tensor: Tensor) -> Tensor:
        """Return where a tensor may be other than zero."""
        return self.read(tensor) if self.of_weights(tensor) else torch.ones(tensor.shape)

    def write(self, tensor: Tensor, values: Tensor, of_image: bool) -> None:
        """Set the map of a tensor; the rest of its memory keeps what it had."""
        memory, length = memory_of(tensor), _length(tensor)
        was_of_image = self._of_image.get(memory)
        if was_of_image and not of_image:
            values, of_image = torch.zeros(tensor.shape), True
        if was_of_image == of_image:
            flat = _regrouped(self._flat[memory], length).clone()
        else:
            flat = torch.full((length,), 0.0 if of_image else 1.0)
        # Not by as_strided_scatter, whose gradient is wrong for what is not overwritten (torch 2.14).
        flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).copy_(values)
        self._flat[memory] = flat
        self._of_image[memory] = of_image


def memory_of(tensor: Tensor) -> int:
    """Return the address of the memory that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _length(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()


def _regrouped(flat: Tensor, length: int) -> Tensor:
    """Return the map of memory for elements of another size, as where two real numbers are a complex one."""
    if flat.numel() > length:
        return some(flat.reshape(length, -1).sum(1))
    return flat.repeat_interleave(length // flat.numel()) if flat.numel() < length else flat
