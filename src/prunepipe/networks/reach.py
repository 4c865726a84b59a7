"""Maps of zeros and ones that say which numbers in memory depend on the image, and which weights are kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Indicator(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, terms: Tensor, least: float) -> Tensor:
        ctx.least = least
        return (terms > least).to(terms.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return (gradient > ctx.least).to(gradient.dtype), None


def indicator(terms: Tensor, least: float = 0.0) -> Tensor:
    """Return 1 where a sum of non-negative terms exceeds `least`, else 0; the gradient is treated alike.

    So numbers neither grow nor shrink with depth: none overflows, and none underflows and looks like a missing path.
    """
    result: Tensor = _Indicator.apply(terms, least)
    return result


class Maps:
    """Keeps a map of zeros and ones for each tensor's memory, so that views and changes in place need no rules.

    If a tensor depends on the image, its map says which entries do. If it is computed from prunable weights only,
    its map says which entries may be other than zero. A tensor without a map is constant.
    """

    def __init__(self) -> None:
        self._flat: dict[int, Tensor] = {}
        self._of_image: dict[int, bool] = {}

    def of_image(self, tensor: Tensor) -> bool:
        """Return whether a tensor may depend on the image."""
        return self._of_image.get(memory_of(tensor), False) and tensor.numel() > 0

    def of_weights(self, tensor: Tensor) -> bool:
        """Return whether a tensor is computed from prunable weights and not from the image."""
        return not self._of_image.get(memory_of(tensor), True) and tensor.numel() > 0

    def known(self, tensor: Tensor) -> bool:
        """Return whether a tensor has a map, so that it may not be constant."""
        return self.of_image(tensor) or self.of_weights(tensor)

    def read(self, tensor: Tensor) -> Tensor:
        """Return the map of a known tensor, float32, shaped like the tensor."""
        flat = _regrouped(self._flat[memory_of(tensor)], _length(tensor))
        return flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def reached(self, tensor: Tensor) -> Tensor:
        """Return 1 where a tensor depends on the image, else 0."""
        return self.read(tensor) if self.of_image(tensor) else torch.zeros(tensor.shape)

    def nonzero(self, tensor: Tensor) -> Tensor:
        """Return 1 where a tensor may be other than zero, else 0."""
        return self.read(tensor) if self.of_weights(tensor) else torch.ones(tensor.shape)

    def write(self, tensor: Tensor, values: Tensor, of_image: bool) -> None:
        """Set the map of a tensor; the rest of its memory keeps its map."""
        memory, length = memory_of(tensor), _length(tensor)
        was_of_image = self._of_image.get(memory)
        if was_of_image and not of_image:
            values, of_image = torch.zeros(tensor.shape), True
        if was_of_image == of_image:
            flat = _regrouped(self._flat[memory], length).clone()
        else:
            flat = torch.full((length,), 0.0 if of_image else 1.0)
        # Not with as_strided_scatter, whose gradient is wrong for entries that are not overwritten (torch 2.14).
        flat.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).copy_(values)
        self._flat[memory] = flat
        self._of_image[memory] = of_image


def memory_of(tensor: Tensor) -> int:
    """Return the address of the memory that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _length(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()


def _regrouped(flat: Tensor, length: int) -> Tensor:
    """Return a map for elements of another size, for example if two real numbers are read as one complex number."""
    if flat.numel() > length:
        return indicator(flat.reshape(length, -1).sum(1))
    return flat.repeat_interleave(length // flat.numel()) if flat.numel() < length else flat
