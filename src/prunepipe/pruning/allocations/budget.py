"""Check that the budget of weights can be distributed over the layers."""

from __future__ import annotations

from prunepipe.errors import ConfigError


def check_budget(allocation: str, budget: int, kept_total: int, room: int, fixed: str) -> None:
    """Raise an error unless the layers without a fixed share keep a weight and can hold what they must keep.

    Args:
        allocation: its name, for the message.
        budget: number of weights left for the layers without a fixed share.
        kept_total: weights to keep in the whole network.
        room: number of weights in the layers without a fixed share.
        fixed: which layers keep how many weights, for the message.
    Raises:
        ConfigError: the budget is not positive, or exceeds the room.
    """
    if budget <= 0:
        raise ConfigError(
            f"allocation '{allocation}': of {kept_total:,} weights to keep, {fixed}, "
            f"which leaves {budget:,} for the other layers; lower the prune ratio or these shares, or write "
            "`allocation: erk` or `allocation: uniform_all`."
        )
    if budget > room:
        raise ConfigError(
            f"allocation '{allocation}': {fixed}, which leaves {budget:,} to be kept by the other layers, "
            f"but they have only {room:,}; raise the prune ratio or linear_keep."
        )
