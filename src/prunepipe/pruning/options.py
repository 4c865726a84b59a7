"""Typed options of scores and allocations: defaults and bounds are stated once, in a module without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from prunepipe.errors import ConfigError
from prunepipe.validation import Strict, mistakes


class Options(Strict):
    """The additional keyword arguments of a score or an allocation; this base class has none."""

    def refusal_of_rounds(self, rounds: int) -> str | None:
        """Return why these options are incompatible with iterative pruning, or None if they are compatible."""
        return None


def checked(model: type[Options], prefix: str, options: Mapping[str, Any]) -> Options:
    """Validate options with their model.

    Args:
        model: of the score or allocation.
        prefix: precedes each key in the message, for example "score_options.".
        options: the options as given.
    Raises:
        ConfigError: one sentence per mistake, with key, value and what is allowed.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError("; ".join(f"{prefix}{line}" for line in mistakes(model, error))) from None
