"""Allocations: how many weights each layer keeps; `pruning.masks` decides which weights these are.

An allocation is `allocation(scores, structure, kept_total, **options) -> {layer: kept weights}`; the counts
sum to `kept_total` exactly. `prunepipe.pruning.masks.select` then decides which weights of a layer are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from prunepipe.pruning.allocations.depth import DepthOptions, LinearShare
from prunepipe.pruning.allocations.shapes import UniformPlusOptions
from prunepipe.pruning.options import Options


@dataclass(frozen=True)
class AllocationRow:
    """Describes an allocation before it is loaded.

    Attributes:
        function: "module:function".
        options: model of its keyword arguments; None if unknown, in which case they are checked when it is called.
        dense_layers: kinds of layers ("conv", "linear") that stay dense regardless of the scores.
        reads_scores: whether it needs the scores; if not, it is tried on a study's prune ratios before any job.
        takes_signed: whether scores may be negative.
        constructive: whether the score returns the mask itself, so that the allocation only counts its weights.
        keeps_missing: whether a layer may stay dense because the score leaves it out.
    """

    function: str
    options: type[Options] | None = None
    dense_layers: tuple[str, ...] = ()
    reads_scores: bool = True
    takes_signed: bool = True
    constructive: bool = False
    keeps_missing: bool = False


def _by_depth(name: str, options: type[Options] = DepthOptions) -> AllocationRow:
    return AllocationRow(f"prunepipe.pruning.allocations.depth:{name}", options, reads_scores=False)


def _by_shape(name: str, options: type[Options] = Options) -> AllocationRow:
    return AllocationRow(f"prunepipe.pruning.allocations.shapes:{name}", options, reads_scores=False)


ALLOCATIONS: dict[str, AllocationRow] = {
    "global": AllocationRow("prunepipe.pruning.allocations.scored:global_", Options, keeps_missing=True),
    "global_conv": AllocationRow(
        "prunepipe.pruning.allocations.scored:global_conv", Options, dense_layers=("linear",)
    ),
    "lamp": AllocationRow("prunepipe.pruning.allocations.scored:lamp", Options, takes_signed=False),
    "smart": _by_depth("smart"),
    "linear": _by_depth("linear"),
    "ascending": _by_depth("ascending"),
    "cubic": _by_depth("cubic"),
    "uniform": _by_depth("uniform", LinearShare),
    "uniform_all": _by_shape("uniform_all"),
    "uniform_plus": _by_shape("uniform_plus", UniformPlusOptions),
    "erk": _by_shape("erk"),
    "balanced": _by_shape("balanced"),
    "pyramidal": _by_shape("pyramidal"),
    "constructed": AllocationRow(
        "prunepipe.pruning.allocations.constructed:constructed",
        Options,
        constructive=True,
        keeps_missing=True,
    ),
}
"""The built-in allocations; a study also takes "module:function" and the rows that packages register."""
