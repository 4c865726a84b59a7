"""The allocation of constructive methods, whose score already is a mask."""

from __future__ import annotations

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.structure import Structure
from prunepipe.pruning.masks import check_scores


def constructed(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep as many weights in each layer as the method's own mask does.

    Args:
        scores: 1 (kept) or 0 (removed), which scoring makes from the mask.
        structure: the prunable layers.
        kept_total: weights that the mask must keep. Since methods that prune layer by layer round in each layer, the
            count may differ by up to the number of layers.
    Returns:
        Kept weights by layer.
    Raises:
        ScoreError: the scores are not a mask, or the mask keeps another number of weights.
    """
    check_scores(scores, structure)
    for name, layer in scores.items():
        if not np.isin(layer, (0, 1)).all():
            raise ScoreError(
                f"allocation constructed: layer '{name}' holds scores, not a mask; the score must return bool "
                "tensors, True = kept. A score that ranks weights needs another allocation, such as global."
            )
    kept = {layer.name: int(np.count_nonzero(scores[layer.name])) for layer in structure.layers}
    if abs(sum(kept.values()) - kept_total) > len(kept):
        raise ScoreError(
            f"allocation constructed: the mask keeps {sum(kept.values()):,} weights, must keep exactly {kept_total:,} "
            f"({len(kept)} more or less, one per layer, count as rounding); ask for the argument kept_total, density "
            "or amount (the share to remove), and keep that many."
        )
    return kept
