"""The allocation of constructive methods: the score is the mask already."""

from __future__ import annotations

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.networks.structure import Structure
from prunepipe.pruning.masks import require_layers


def constructed(scores: Arrays, structure: Structure, kept_total: int) -> dict[str, int]:
    """Keep what the score chose: in each layer as many weights as its mask holds.

    Args:
        scores: 1 (kept) or 0 (removed); scoring turns a mask into these.
        structure: the prunable layers.
        kept_total: weights that the mask must keep. Methods that prune layer by layer round in each of them, so that
            it may differ by as many weights as there are layers.
    Returns:
        Kept weights by layer.
    Raises:
        ScoreError: scores that are no mask, or a mask of another size.
    """
    require_layers("scores", scores, structure)
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
            f"({len(kept)} more or less, one a layer, pass as rounding); ask for the argument kept_total, density or "
            "amount (the share to remove), and keep that many."
        )
    return kept
