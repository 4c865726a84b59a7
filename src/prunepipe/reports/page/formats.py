"""How the page writes numbers: a real minus sign, two decimals, a dash for unknown values."""

from __future__ import annotations

import math
import re
from typing import Any

ABSENT = "–"


def known(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def number(value: Any, digits: int = 2) -> str:
    """Return a number with a fixed number of decimals, or a dash; a number that rounds to zero has no sign."""
    return f"{value:z.{digits}f}".replace("-", "−") if known(value) else ABSENT


def signed(value: Any) -> str:
    """Return a number with its sign, or a dash; a number that rounds to zero has no sign."""
    text = number(value)
    return "+" + text if known(value) and round(value, 2) > 0 else text


def with_minus(text: str) -> str:
    """Return a text whose negative numbers have a real minus sign."""
    return re.sub(r"(?<=[ \[])-(?=\d)", "−", text)


def interval(low: Any, high: Any, *, with_sign: bool = False) -> str:
    """Return "[low, high]", or an empty string if the interval is unknown."""
    write = signed if with_sign else number
    return f"[{write(low)}, {write(high)}]" if known(low) and known(high) else ""


def interval_of_mean(low: Any, high: Any, count: int) -> str:
    """Return the interval of a mean of `count` runs, or a note that all of them are equal."""
    return interval(low, high) or ("same in all seeds" if count > 1 else "")


def share(value: Any) -> str:
    """Return a fraction in percent with the digits that matter: 0.0123 is "1.2", 0.98 is "98"."""
    if not known(value):
        return ABSENT
    percent = 100 * value
    if percent >= 9.95 or percent == 0:
        return f"{percent:.0f}"
    return f"{percent:.1f}" if percent >= 0.995 else f"{percent:.2g}"


def sort_key(value: Any) -> str:
    """Return the key by which the page sorts a table cell; unknown values are empty and sort last."""
    return f"{value:.6g}" if known(value) else ""
