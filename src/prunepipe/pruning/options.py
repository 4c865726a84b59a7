"""Options of scores and allocations, typed: each states its defaults and bounds once, in a module without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from prunepipe.errors import ConfigError
from prunepipe.validation import Strict, mistakes


class Options(Strict):
    """The keyword arguments of a score or an allocation beyond those that every one has; here it has none."""

    def refusal_of_rounds(self, rounds: int) -> str | None:
        """Return why these options do not go with several rounds of pruning, or None if they do."""
        return None


def checked(model: type[Options], prefix: str, options: Mapping[str, Any]) -> Options:
    """Return options as their model.

    Args:
        model: of the score or allocation.
        prefix: what the message says before each key, such as "score_options.".
        options: as they were given.
    Raises:
        ConfigError: one sentence for each mistake: key, value, what is allowed.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError("; ".join(f"{prefix}{line}" for line in mistakes(model, error))) from None
