"""The stage that checks, before any training, whether a ticket can meet a prune ratio; without torch."""

from __future__ import annotations

from prunepipe.networks.structure import Structure
from prunepipe.pruning.masks import kept_total
from prunepipe.stages.schemas.budgeting import BudgetSettings
from prunepipe.study.feasibility import refuse_impossible_budget


def budget(structure: Structure, settings: BudgetSettings) -> dict[str, int]:
    """Return how many weights a network has and how many a ticket keeps.

    Networks and data sets of the user's own are known only once the network is built, so a study cannot be refused for
    them when it is read.

    Args:
        structure: the prunable layers.
        settings: ticket and prune ratio.
    Raises:
        ConfigError: the ticket's allocation cannot keep so many.
    """
    refuse_impossible_budget(
        settings.name, settings.ticket, settings.network, structure, settings.prune_ratio
    )
    return {"weights": structure.size, "kept": kept_total(structure.size, settings.prune_ratio)}
