"""Random streams, each derived from (seed, purpose) and never from what ran before."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def stream_key(seed: int, *purpose: str | int) -> int:
    """Derive the 63-bit key of one random stream.

    Args:
        seed: the run's seed, >= 0.
        purpose: what the random numbers are used for, for example ("retrain", "order", epoch).

    Returns:
        A key that is, for all practical purposes, unique to the (seed, purpose) pair.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the numpy generator of one (seed, purpose) stream."""
    return np.random.default_rng(stream_key(seed, *purpose))


def torch_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return the torch CPU generator of one (seed, purpose) stream, the same on every device."""
    import torch  # imported here, so that only stages that use torch pay for it

    return torch.Generator().manual_seed(stream_key(seed, *purpose))


@contextmanager
def seeded_globals(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed the global random streams from (seed, purpose) while foreign code runs, and restore them afterwards.

    Such code often ignores the generator that it is given, as `nn.init.kaiming_normal_(weight)` does. It then draws
    from the global streams of `random`, numpy and torch, whose state would depend on what ran before in the process.
    torch's streams, on the CPU and on every GPU, are included if torch has been imported.
    """
    key = stream_key(seed, *purpose)
    before = random.getstate(), np.random.get_state()
    restore_torch = _seed_torch(key) if "torch" in sys.modules else None
    random.seed(key)
    np.random.seed(key % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        if restore_torch is not None:
            restore_torch()


def _seed_torch(key: int) -> Callable[[], None]:
    """Seed torch's global streams, and return a function that restores them."""
    import torch

    cpu = torch.get_rng_state()
    # A GPU that is not in use yet has no state to restore; torch seeds it when it is first used.
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    torch.manual_seed(key)

    def restore() -> None:
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)

    return restore
