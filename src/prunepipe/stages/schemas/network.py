"""How to build a network: part of the settings of every stage that runs one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from prunepipe.validation import Strict, as_tuple


class NetworkSettings(Strict):
    """How to build a network."""

    reference: str = Field(description="module:function of its builder")
    options: dict[str, JsonValue] = Field({}, description="further keyword arguments of the builder")
    prunable: dict[Literal["include", "exclude"], Annotated[tuple[str, ...], BeforeValidator(as_tuple)]] = (
        Field({}, description="patterns of the weights that are pruned; empty: all that can be")
    )

    @model_serializer(mode="wrap")
    def _without_choice(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit an empty choice, so that settings recorded before the key existed stay equal."""
        values: dict[str, Any] = serialise(self)
        return values if self.prunable else {key: value for key, value in values.items() if key != "prunable"}
