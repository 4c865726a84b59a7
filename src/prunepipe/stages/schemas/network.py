"""How to build a network: part of the settings of every stage that runs one."""

from __future__ import annotations

from pydantic import Field, JsonValue

from prunepipe.validation import Strict


class NetworkSettings(Strict):
    """How to build a network."""

    reference: str = Field(description="module:function of its builder")
    options: dict[str, JsonValue] = Field({}, description="further keyword arguments of the builder")
