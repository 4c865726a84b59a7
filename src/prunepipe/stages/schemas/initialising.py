"""Settings of the stage that draws initial weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.validation import Strict


class InitialSettings(Strict):
    """Which network, and which draw of its weights."""

    network: NetworkSettings
    seed: int = Field(ge=0, description="of the run")
    draw: Literal["init", "reinit"] = Field(description="reinit: a second, independent draw")
