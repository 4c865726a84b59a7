"""Settings of the stage that publishes the weights of a rewind point."""

from __future__ import annotations

from pydantic import Field

from prunepipe.validation import Point, Strict


class RewindSettings(Strict):
    """Identifies the weights; stored with them."""

    data: str = Field(description="the data that the dense run saw")
    point: Point
