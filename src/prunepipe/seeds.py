"""Random streams: each is derived from (seed, purpose), never from what ran before."""

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
    """Lend code that is not ours global random streams of its own (seed, purpose), and bring ours back afterwards.

    Such code often forgets the generator that it is given, as `nn.init.kaiming_normal_(weight)` does. It then draws
    from the global streams of `random`, numpy and torch, whose state would depend on what ran before in the process.
    torch's streams, of the CPU and of every GPU, are lent where torch has been imported.
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
    """Seed torch's global streams, and return what brings them back."""
    import torch

    cpu = torch.get_rng_state()
    # A GPU that is not in use yet has nothing to bring back; torch seeds it once it is.
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    torch.manual_seed(key)

    def restore() -> None:
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)

    return restore
