"""Settings of the stage that checks whether a prune ratio can be met."""

from __future__ import annotations

from pydantic import Field

from prunepipe.study.ticket import Ticket
from prunepipe.validation import Strict


class BudgetSettings(Strict):
    """Settings of `budget`."""

    name: str = Field(description="of the ticket")
    ticket: Ticket = Field(description="its row")
    network: str = Field(description="what messages call the network")
    prune_ratio: float = Field(gt=0, lt=1, description="share of the prunable weights to remove")
