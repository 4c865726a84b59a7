"""Check that the budget of weights can be distributed over the layers."""

from __future__ import annotations

from prunepipe.errors import ConfigError


def refuse_empty_budget(allocation: str, budget: int, kept_total: int, fixed: str) -> None:
    """Raise an error if the layers with a fixed share use up the budget.

    Args:
        allocation: its name, for the message.
        budget: number of weights left for the layers without a fixed share.
        kept_total: weights to keep in the whole network.
        fixed: which layers keep how many weights, for the message.
    Raises:
        ConfigError: the budget is not positive.
    """
    if budget <= 0:
        raise ConfigError(
            f"allocation '{allocation}': of {kept_total:,} weights to keep, {fixed}, "
            f"which leaves {budget:,} for the other layers; lower the prune ratio or these shares, or write "
            "`allocation: erk` or `allocation: uniform_all`."
        )


def refuse_excess_budget(allocation: str, budget: int, room: int, fixed: str) -> None:
    """Raise an error if the layers cannot hold the budget.

    Args:
        allocation: its name, for the message.
        budget: number of weights that the layers without a fixed share must keep.
        room: number of weights in these layers.
        fixed: which layers keep how many weights, for the message.
    Raises:
        ConfigError: the budget exceeds the room.
    """
    if budget > room:
        raise ConfigError(
            f"allocation '{allocation}': {fixed}, which leaves {budget:,} to be kept by the other layers, "
            f"but they have only {room:,}; raise the prune ratio or linear_keep."
        )
