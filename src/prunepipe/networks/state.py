"""A network's state as arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays


def arrays_of(network: nn.Module) -> Arrays:
    """Return a network's parameters and buffers as arrays."""
    return {name: array_of(value) for name, value in network.state_dict().items()}


def load_arrays(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Load arrays into a network; names and shapes must fit exactly."""
    network.load_state_dict(
        {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
    )


def array_of(value: torch.Tensor) -> np.ndarray:
    """Return a tensor's values as an array of its own."""
    return value.detach().cpu().contiguous().numpy().copy()
