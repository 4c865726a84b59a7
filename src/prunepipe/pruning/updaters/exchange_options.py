"""Options of the updaters that exchange weights, in a module without torch."""

from __future__ import annotations

from pydantic import Field

from prunepipe.pruning.options import Options


class ExchangeOptions(Options):
    """How many weights of a layer an update exchanges."""

    share: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="share of a layer's kept weights that an update drops and grows; rigl: at the start, decayed by a "
        "cosine",
    )
