"""A claimed prune ratio as it is written, and how exactly it was written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from prunepipe.errors import ConfigError

COARSEST = 0.005
"""A claim is held to half a percentage point, however few digits it has: "0.9" means 90 %, not 85 to 95 %."""


@dataclass(frozen=True)
class Claim:
    """A claimed prune ratio.

    Attributes:
        ratio: share removed, in [0, 1).
        precision: half a unit of its last digit, at most COARSEST.
    """

    ratio: float
    precision: float

    def fits(self, ratio: float, layers: int, size: int) -> bool:
        """Return whether a true ratio rounds to the claim; each layer may round its count by one weight."""
        return abs(ratio - self.ratio) <= self.precision + layers / size + 1e-12


def parse_claim(text: str) -> Claim:
    """Read a claim such as "0.95" or "95%".

    Raises:
        ConfigError: it is no share in [0, 1).
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
