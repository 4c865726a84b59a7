"""The stage that turns scores into a mask; it needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Structure
from prunepipe.pruning.masks import check_mask, kept_total, require_room, select
from prunepipe.stages.allocating import allocate
from prunepipe.stages.own_checks import checked


def make_mask(
    scores: Arrays,
    structure: Structure,
    *,
    allocation: str,
    allocation_options: Mapping[str, Any],
    prune_ratio: float,
    score_check: str | None,
) -> Arrays:
    """Keep exactly the weights that the prune ratio leaves, as the allocation spreads them.

    Args:
        scores: by layer, shaped like the weights; higher means keep.
        structure: layers and graph of the network.
        allocation, allocation_options: "module:function" and its keyword arguments.
        prune_ratio: share of all prunable weights to remove.
        score_check: "module:function" applied to the scores first, or None.

    Returns:
        The mask by layer, True = kept.

    Raises:
        ScoreError: the scores or the allocation do not fit the network.
    """
    if score_check is not None:
        scores = checked("score", score_check, scores)
    total = kept_total(structure.size, prune_ratio)
    require_room(scores, total)
    kept = allocate(allocation, scores, structure, total, allocation_options)
    mask = select(scores, kept)
    check_mask(mask, structure)
    return mask
