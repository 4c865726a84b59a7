"""How a stage calls a function of the user's: on global random streams of its own, and twice, to see it repeat."""

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
    """Call a function of the user's twice under equal conditions, and return what it answers both times.

    Args:
        kind: what the function is, for the message.
        reference: "module:function" or "file.py:function".
        given: makes its arguments, anew for each call, because it may work in place.
        read: holds its answer to the contract; returns arrays or numbers by name.
        seed: of the global streams of torch, numpy and random.
        options: its keyword arguments; a `generator` is left as one call leaves it.

    Raises:
        ScoreError: it raised, broke its contract, or answered differently the second time.
    """
    # What the function imports when it is called would draw from a stream that nobody has seeded.
    import_module("torch")
    load_function(
        reference
    )  # what its module does when it is imported happens once, and is no part of a call
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
    """Return a seed that belongs to a generator, which stays where it is."""
    return int(deepcopy(generator).integers(2**62))


def seed_of_input(arrays: Arrays) -> int:
    """Return a seed that belongs to what a function is given, where it is given no generator: runs differ in that."""
    return int(checksum(arrays), 16)
