"""Call an allocation by name and enforce its contract, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.structure import Structure
from prunepipe.plugins import call, is_external
from prunepipe.stages.own_calls import call_repeatably, seed_of_input


def allocate(
    allocation: str,
    scores: Arrays,
    structure: Structure,
    total: int,
    options: Mapping[str, Any],
    *,
    exact: bool = True,
) -> dict[str, int]:
    """Distribute the weights to keep over the layers.

    Args:
        allocation: "module:function".
        scores: scores by layer.
        structure: the prunable layers.
        total: number of weights to keep.
        options: keyword arguments of the allocation.
        exact: whether the counts must sum to `total`; a mask that a score returns may deviate by rounding.

    Returns:
        Number of weights to keep by layer; they sum to `total`.

    Raises:
        ScoreError: the allocation violates this; the text names it, the layer and the rule.
    """
    read = partial(_counts, f"allocation {allocation}", structure, total, exact)
    if not is_external(allocation):
        return read(call("allocation", allocation, scores, structure, total, **options))
    return call_repeatably(
        "allocation",
        allocation,
        # A copy, so that a function that works in place does not change the scores used for the selection.
        lambda: ({name: layer.copy() for name, layer in scores.items()}, structure, total),
        read,
        seed=seed_of_input(scores),
        **options,
    )


def _counts(title: str, structure: Structure, total: int, exact: bool, kept: Any) -> dict[str, int]:
    """Return an allocation's answer if it holds one count per prunable layer."""
    if not isinstance(kept, Mapping):
        raise ScoreError(
            f"{title}: returned {type(kept).__name__}, must return a dictionary of counts by layer."
        )
    sizes = {layer.name: layer.size for layer in structure.layers}
    for name in sorted(set(map(str, kept)) ^ set(sizes)):
        problem = (
            "no count for layer" if name in sizes else "a count for something other than a prunable layer:"
        )
        raise ScoreError(
            f"{title}: {problem} '{name}'; it must return one count for each prunable layer and nothing else."
        )
    for name, size in sizes.items():
        if not isinstance(kept[name], (int, np.integer)) or isinstance(kept[name], bool):
            raise ScoreError(f"{title}: keeps {kept[name]!r} weights of '{name}', must be a whole number.")
        if not 0 <= kept[name] <= size:
            raise ScoreError(f"{title}: keeps {kept[name]:,} of the {size:,} weights of layer '{name}'.")
    if sum(kept.values()) != total and exact:
        raise ScoreError(
            f"{title}: keeps {sum(kept.values()):,} weights, must keep exactly {total:,} (its argument kept_total); "
            "prunepipe.pruning.allocations.rounding turns shares into such counts."
        )
    return {name: int(kept[name]) for name in sizes}
