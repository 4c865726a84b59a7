"""The cycles of iterative pruning, and the prune ratios that they pass."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count, takewhile
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from prunepipe.validation import Strict, as_tuple


def no_percentage(value: Any) -> Any:
    """Refuse a share that was given in percent, and say how to write it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 1 < value < 100:
        raise ValueError(f"got {value}; it should be a share and not percent: say {value / 100:g}")
    return value


Share = Annotated[float, Field(gt=0, lt=1), BeforeValidator(no_percentage)]
"""A share of the weights, above 0 and below 1."""


class Cycles(Strict):
    """The cycles of iterative pruning: each trains what the one before left, and prunes the trained network."""

    share: float | None = Field(
        None, ge=0.01, lt=1, description="share of the weights that are left which each cycle removes"
    )
    densities: Annotated[tuple[Share, ...] | None, BeforeValidator(as_tuple)] = Field(
        None, min_length=1, description="instead of `share`, the density after each cycle, descending"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.share is None) == (self.densities is None):
            raise ValueError("say either share, such as {share: 0.2}, or a list of densities")
        falling = sorted(set(self.densities or ()), reverse=True)
        if list(self.densities or ()) != falling:
            raise ValueError(f"densities {list(self.densities or ())} must descend without repeats")
        return self

    def levels(self, prune_ratio: float) -> tuple[float, ...]:
        """Return the prune ratios after the cycles before the last, which prunes to `prune_ratio` exactly."""
        return tuple(takewhile(lambda level: level < prune_ratio, self._ratios()))

    def _ratios(self) -> Iterator[float]:
        if self.densities is not None:
            yield from (_ratio(Fraction(str(density))) for density in self.densities)
            return
        kept = 1 - Fraction(str(self.share))
        yield from (_ratio(kept**cycle) for cycle in count(1))

    def refusal(self, prune_ratio: float) -> str | None:
        """Return why these cycles do not reach a prune ratio, or None if they do."""
        if self.densities is None or _ratio(Fraction(str(self.densities[-1]))) >= prune_ratio:
            return None
        wanted = 1 - Fraction(str(prune_ratio))
        return (
            f"the cycles end at density {self.densities[-1]}, above {float(wanted)}, which prune ratio {prune_ratio} "
            "leaves; let the last density be that or below"
        )


def as_cycles(value: Any) -> Any:
    """Read a list of densities as cycles."""
    return {"densities": value} if isinstance(value, list) else value


def _ratio(density: Fraction) -> float:
    """Return the prune ratio that leaves a density, as a decimal that can name a folder."""
    return round(float(1 - density), 6)
