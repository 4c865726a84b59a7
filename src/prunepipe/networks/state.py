"""Convert a network's state to arrays, and load it from arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from prunepipe.artifacts import Arrays


def arrays_of(network: nn.Module) -> Arrays:
    """Return a network's parameters and buffers as arrays; a module with several names appears under the first."""
    firsts = set(_first_names(network).values())
    return {name: array_of(value) for name, value in network.state_dict().items() if name in firsts}


def load_arrays(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Load arrays into a network; names and shapes must match exactly."""
    given = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}
    again = {name: given[first] for name, first in _first_names(network).items() if first in given}
    network.load_state_dict(again | given)


def _first_names(network: nn.Module) -> dict[str, str]:
    """Return, for every name in the state, the first name of its tensor."""
    firsts: dict[int, str] = {}
    state = network.state_dict(keep_vars=True)
    return {name: firsts.setdefault(id(value), name) for name, value in state.items()}


def array_of(value: torch.Tensor) -> np.ndarray:
    """Return a tensor's values as a new array."""
    return value.detach().cpu().contiguous().numpy().copy()
