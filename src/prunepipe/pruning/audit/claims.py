"""Read a claimed prune ratio, and the precision it was written with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from prunepipe.errors import ConfigError

COARSEST = 0.005
"""Largest tolerance of a claim, however few digits it has: "0.9" means 90 %, not 85 to 95 %."""


@dataclass(frozen=True)
class Claim:
    """A claimed prune ratio.

    Attributes:
        ratio: share of weights removed, in [0, 1).
        precision: half a unit of the last digit, at most COARSEST.
    """

    ratio: float
    precision: float

    def fits(self, ratio: float, layers: int, size: int) -> bool:
        """Return whether the true ratio agrees with the claim; rounding may cost one weight per layer."""
        return abs(ratio - self.ratio) <= self.precision + layers / size + 1e-12


def parse_claim(text: str) -> Claim:
    """Read a claim such as "0.95" or "95%".

    Raises:
        ConfigError: it is not a share in [0, 1).
    """
    percent = text.strip().endswith("%")
    try:
        written = Decimal(text.strip().removesuffix("%").strip())
        exponent = written.as_tuple().exponent
        digits = -int(exponent) + 2 * percent
        ratio = float(written) / (100 if percent else 1)
    except (InvalidOperation, ValueError):
        ratio, digits = -1.0, 0
    if not 0 <= ratio < 1:
        raise ConfigError(
            f"--claimed {text}: must be the share of weights removed, at least 0 and below 1, such as 0.95 or 95%."
        )
    return Claim(ratio, min(COARSEST, 0.5 * 10.0**-digits))
