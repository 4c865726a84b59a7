"""Call a user's function reproducibly: with seeded global random streams, and twice to check that it repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from prunepipe.artifacts import Arrays, checksum
from prunepipe.errors import ScoreError
from prunepipe.plugins import call, load_function
from prunepipe.seeds import seeded_globals

Answer = TypeVar("Answer", bound=Mapping[str, Any])


def call_repeatably(
    kind: str,
    reference: str,
    given: Callable[[], tuple[Any, ...]],
    read: Callable[[Any], Answer],
    *,
    seed: int,
    **options: Any,
) -> Answer:
    """Call a user's function twice under equal conditions, and return its answer, which must be the same both times.

    Args:
        kind: what the function is, for the message.
        reference: "module:function" or "file.py:function".
        given: makes its arguments, anew for each call, because it may work in place.
        read: validates its answer and returns arrays or numbers by name.
        seed: of the global streams of torch, numpy and random.
        options: its keyword arguments; a `generator` ends in the state that one call leaves it in.

    Raises:
        ScoreError: it raised, broke its contract, or answered differently the second time.
    """
    # A module that the function imports only when called would draw from an unseeded stream.
    import_module("torch")
    load_function(reference)  # importing its module happens once and is not part of a call
    twins = deepcopy(options)

    def once(options: Mapping[str, Any]) -> Answer:
        with seeded_globals(seed, kind):
            return read(call(kind, reference, *given(), **options))

    first, second = once(options), once(twins)
    for name, value in first.items():
        if not np.array_equal(value, second[name]):
            raise ScoreError(
                f"{kind} {reference}: does not repeat: called twice on the same input, its answers differ in '{name}'. "
                "Draw every random number from `generator` where it is given one, or from the global streams of torch, "
                "numpy and random, which are seeded; keep nothing between calls."
            )
    return first


def seed_of(generator: np.random.Generator) -> int:
    """Return a seed derived from a generator's state, without advancing the generator."""
    return int(deepcopy(generator).integers(2**62))


def seed_of_input(arrays: Arrays) -> int:
    """Return a seed derived from a function's arguments, for functions without a generator."""
    return int(checksum(arrays), 16)
