"""The stage that turns scores into a mask, without torch."""

from __future__ import annotations

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Structure, check_mask
from prunepipe.pruning.masks import kept_total, require_budget, require_room, select
from prunepipe.stages.allocating import allocate
from prunepipe.stages.own_checks import checked
from prunepipe.stages.schemas.masking import MaskSettings


def make_mask(
    scores: Arrays,
    structure: Structure,
    settings: MaskSettings,
) -> Arrays:
    """Keep exactly as many weights as the prune ratio leaves, distributed by the allocation.

    Args:
        scores: scores by layer, shaped like the weights; higher means keep.
        structure: layers and graph of the network.
        settings: allocation, prune ratio, check of the scores.

    Returns:
        The mask by layer, True = kept.

    Raises:
        ScoreError: the scores or the allocation do not fit the network.
    """
    if settings.score_check is not None:
        scores = checked("score", settings.score_check, scores)
    require_budget(structure.size, settings.prune_ratio)
    total = kept_total(structure.size, settings.prune_ratio)
    require_room(scores, total)
    kept = allocate(
        settings.allocation,
        scores,
        structure,
        total,
        settings.allocation_options,
        exact=not settings.constructive,
    )
    mask = select(scores, kept)
    check_mask(mask, structure.shapes)
    return mask
