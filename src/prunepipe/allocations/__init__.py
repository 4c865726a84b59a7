"""Allocations: how many weights each layer keeps of a total. Numpy only.

An allocation is `allocation(scores, structure, kept_total, **options) -> {layer: kept weights}`; the counts
sum to `kept_total` exactly. Which weights of a layer stay is decided by `prunepipe.masks.select`.
"""

from prunepipe.masks import kept_total

__all__ = ["ALLOCATIONS", "kept_total"]

ALLOCATIONS: dict[str, str] = {
    "global": "prunepipe.allocations.scored:global_",
    "global_conv": "prunepipe.allocations.scored:global_conv",
    "lamp": "prunepipe.allocations.scored:lamp",
    "smart": "prunepipe.allocations.depth:smart",
    "linear": "prunepipe.allocations.depth:linear",
    "ascending": "prunepipe.allocations.depth:ascending",
    "cubic": "prunepipe.allocations.depth:cubic",
    "uniform": "prunepipe.allocations.depth:uniform",
    "uniform_all": "prunepipe.allocations.shapes:uniform_all",
    "uniform_plus": "prunepipe.allocations.shapes:uniform_plus",
    "erk": "prunepipe.allocations.shapes:erk",
    "constructed": "prunepipe.allocations.constructed:constructed",
}
