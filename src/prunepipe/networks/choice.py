"""A study's choice of the weights to prune, as name patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from prunepipe.errors import ConfigError, shortened

SHOWN = 12
"""Number of names that a message lists."""


@dataclass(frozen=True)
class PrunableChoice:
    """Patterns, as in `fnmatch`, for the names of weights or layers: "conv1", "*.head", "*.in_proj_weight".

    Attributes:
        include: prune only these, including embeddings; empty: the weights that are pruned by default.
        exclude: weights that stay dense in any case.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


EVERYTHING = PrunableChoice()
"""No patterns: prune the default weights."""


def chosen(candidates: Mapping[str, bool], choice: PrunableChoice) -> tuple[str, ...]:
    """Return the names of the weights to prune, in the order of the candidates.

    Args:
        candidates: name of every weight that can be pruned, and whether it is pruned by default.
        choice: the patterns.
    Raises:
        ConfigError: a pattern matches no name, or no weight is left.
    """
    for key in ("include", "exclude"):
        for pattern in getattr(choice, key):
            if not any(matches(name, pattern) for name in candidates):
                raise ConfigError(
                    f"prunable.{key}: '{pattern}' matches no weight that can be pruned. They are: "
                    f"{shortened(candidates, SHOWN)}."
                )
    names = tuple(name for name, usual in candidates.items() if _is_chosen(name, usual, choice))
    if candidates and not names and choice != EVERYTHING:
        raise ConfigError(
            f"prunable: include {list(choice.include) or 'everything'} without exclude {list(choice.exclude)} leaves "
            f"no weight to prune. Those that can be pruned are: {shortened(candidates, SHOWN)}."
        )
    return names


def matches(name: str, pattern: str) -> bool:
    """Return whether a pattern matches the name of a weight or of its layer."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)


def _is_chosen(name: str, usual: bool, choice: PrunableChoice) -> bool:
    asked = any(matches(name, pattern) for pattern in choice.include) if choice.include else usual
    return asked and not any(matches(name, pattern) for pattern in choice.exclude)
