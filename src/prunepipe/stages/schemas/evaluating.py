"""Settings of the stage that measures a finished run."""

from __future__ import annotations

from pydantic import Field

from prunepipe.validation import Strict


class PlaceSettings(Strict):
    """The run's place in its study, and the code that made it: columns of the results."""

    study: str
    dataset: str
    network: str
    ticket: str
    check: str
    prune_ratio: float = Field(ge=0, lt=1)
    seed: int = Field(ge=0)
    precision: str = Field(description="arithmetic of training")
    version: str = Field(description="of prunepipe")
    code: str = Field(description="versions of the code that made the mask and trained")
