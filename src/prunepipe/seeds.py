"""Random streams: each is derived from (seed, purpose), never from what ran before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def stream_key(seed: int, *purpose: str | int) -> int:
    """Derive the 63-bit key of one random stream.

    Args:
        seed: the run's seed, >= 0.
        purpose: what the numbers are for, for example ("retrain", "order", epoch).

    Returns:
        A key that differs between any two (seed, purpose) pairs for all practical purposes.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the numpy generator of one (seed, purpose) stream."""
    return np.random.default_rng(stream_key(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return the torch CPU generator of one (seed, purpose) stream, the same on every device."""
    import torch  # only stages that compute with torch pay for its import

    return torch.Generator().manual_seed(stream_key(seed, *purpose))
