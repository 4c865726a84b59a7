"""Allocations: how many weights each layer keeps; which weights those are is in `pruning.masks`.

An allocation is `allocation(scores, structure, kept_total, **options) -> {layer: kept weights}`; the counts
sum to `kept_total` exactly. Which weights of a layer stay is decided by `prunepipe.pruning.masks.select`.
"""

from prunepipe.pruning.masks import kept_total

__all__ = ["ALLOCATIONS", "kept_total"]

ALLOCATIONS: dict[str, str] = {
    "global": "prunepipe.pruning.allocations.scored:global_",
    "global_conv": "prunepipe.pruning.allocations.scored:global_conv",
    "lamp": "prunepipe.pruning.allocations.scored:lamp",
    "smart": "prunepipe.pruning.allocations.depth:smart",
    "linear": "prunepipe.pruning.allocations.depth:linear",
    "ascending": "prunepipe.pruning.allocations.depth:ascending",
    "cubic": "prunepipe.pruning.allocations.depth:cubic",
    "uniform": "prunepipe.pruning.allocations.depth:uniform",
    "uniform_all": "prunepipe.pruning.allocations.shapes:uniform_all",
    "uniform_plus": "prunepipe.pruning.allocations.shapes:uniform_plus",
    "erk": "prunepipe.pruning.allocations.shapes:erk",
    "constructed": "prunepipe.pruning.allocations.constructed:constructed",
}
