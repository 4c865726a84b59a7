"""The public interface: everything that a user's method, check, network or data set needs.

Each name is imported when it is first used, so that `import prunepipe.api` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.artifacts import Arrays as Arrays
    from prunepipe.datasets.dataset import Dataset as Dataset
    from prunepipe.datasets.rows import DatasetRow as DatasetRow
    from prunepipe.datasets.rows import Facts as Facts
    from prunepipe.errors import PrunepipeError as PrunepipeError
    from prunepipe.networks import NetworkRow as NetworkRow
    from prunepipe.networks.prunable import prunable as prunable
    from prunepipe.networks.structure import Layer as Layer
    from prunepipe.networks.structure import Structure as Structure
    from prunepipe.pruning.allocations import AllocationRow as AllocationRow
    from prunepipe.pruning.allocations.rounding import round_to_total as round_to_total
    from prunepipe.pruning.masks import select as select
    from prunepipe.pruning.options import Options as Options
    from prunepipe.pruning.scores import ScoreRow as ScoreRow
    from prunepipe.pruning.scores.contract import Batch as Batch
    from prunepipe.pruning.scores.contract import Batches as Batches
    from prunepipe.pruning.scores.contract import Loss as Loss
    from prunepipe.pruning.scores.contract import Scores as Scores
    from prunepipe.pruning.scores.contract import each_batch as each_batch
    from prunepipe.pruning.scores.contract import gradients as gradients
    from prunepipe.pruning.scores.contract import scoring_copy as scoring_copy
    from prunepipe.pruning.updaters import UpdaterRow as UpdaterRow
    from prunepipe.study.built_in import CheckRow as CheckRow
    from prunepipe.study.built_in import Reading as Reading

HOMES = {
    "AllocationRow": "prunepipe.pruning.allocations",
    "Arrays": "prunepipe.artifacts",
    "Batch": "prunepipe.pruning.scores.contract",
    "Batches": "prunepipe.pruning.scores.contract",
    "CheckRow": "prunepipe.study.built_in",
    "Dataset": "prunepipe.datasets.dataset",
    "DatasetRow": "prunepipe.datasets.rows",
    "Facts": "prunepipe.datasets.rows",
    "Layer": "prunepipe.networks.structure",
    "Loss": "prunepipe.pruning.scores.contract",
    "NetworkRow": "prunepipe.networks",
    "Options": "prunepipe.pruning.options",
    "PrunepipeError": "prunepipe.errors",
    "Reading": "prunepipe.study.built_in",
    "ScoreRow": "prunepipe.pruning.scores",
    "Scores": "prunepipe.pruning.scores.contract",
    "Structure": "prunepipe.networks.structure",
    "UpdaterRow": "prunepipe.pruning.updaters",
    "each_batch": "prunepipe.pruning.scores.contract",
    "gradients": "prunepipe.pruning.scores.contract",
    "prunable": "prunepipe.networks.prunable",
    "round_to_total": "prunepipe.pruning.allocations.rounding",
    "scoring_copy": "prunepipe.pruning.scores.contract",
    "select": "prunepipe.pruning.masks",
}
"""The module of each public name."""

__all__ = sorted(HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in HOMES:
        raise AttributeError(f"prunepipe.api has no '{name}'; it has {', '.join(__all__)}.")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
