"""Random streams: each is derived from (seed, purpose), never from what ran before."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def seeded_globals(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed the global streams of random, numpy and torch for a while; afterwards they are as they were.

    Code that is not ours may draw from them. Inside this context its numbers depend on the seed and the purpose alone,
    not on what ran before in the process.

    Args:
        seed: the run's seed, >= 0.
        purpose: what the numbers are for, for example ("score",).
    """
    import torch  # only stages that compute with torch pay for its import

    key = stream_key(seed, *purpose)
    kept_random, kept_numpy = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        random.seed(key)
        np.random.seed(key % 2**32)
        torch.manual_seed(key)
        try:
            yield
        finally:
            random.setstate(kept_random)
            np.random.set_state(kept_numpy)
