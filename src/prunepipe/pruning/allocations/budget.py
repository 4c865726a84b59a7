"""What is left to share out, and the error when nothing is."""

from __future__ import annotations

from prunepipe.errors import ConfigError


def refuse_empty_budget(allocation: str, budget: int, kept_total: int, fixed: str) -> None:
    """Refuse a budget that the layers with a fixed share have used up.

    Args:
        allocation: its name, for the message.
        budget: weights left for the layers whose share is not fixed.
        kept_total: weights to keep in the whole network.
        fixed: says which layers keep how many, for the message.
    Raises:
        ConfigError: the budget is not positive.
    """
    if budget <= 0:
        raise ConfigError(
            f"allocation '{allocation}': {kept_total:,} weights are to be kept in all, and {fixed} of them, "
            f"which leaves {budget:,} for the other layers, must be above 0; "
            "lower the prune ratio or choose another allocation (uniform_all and erk fix no share) or other options of "
            "it."
        )


def refuse_excess_budget(allocation: str, budget: int, room: int, fixed: str) -> None:
    """Refuse a budget that the layers it is for cannot hold.

    Args:
        allocation: its name, for the message.
        budget: weights that the layers whose share is not fixed must keep.
        room: weights they have.
        fixed: says which layers keep how many, for the message.
    Raises:
        ConfigError: the budget is larger than the room.
    """
    if budget > room:
        raise ConfigError(
            f"allocation '{allocation}': {fixed}, which leaves {budget:,} to be kept by the other layers, "
            f"but they have only {room:,}; raise the prune ratio or linear_keep."
        )
