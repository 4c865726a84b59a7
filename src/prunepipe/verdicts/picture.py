"""An interval against zero and the margin, drawn with characters."""

from __future__ import annotations

import math

WIDTH = 31
REACH = 3.0
"""How many margins the drawing reaches to each side."""


def picture(effect: float, low: float, high: float, margin: float) -> str:
    """Draw an effect and its interval.

    Args:
        effect: in points; NaN draws the axis alone.
        low: lower end of the interval; NaN: none.
        high: upper end.
        margin: in points.
    Returns:
        WIDTH characters: `│` is zero, `:` plus and minus the margin, `=` the interval, `o` the effect; `<` and `>` mark
        what continues beyond the drawing.
    """

    def place(value: float) -> int:
        return round((min(max(value / (REACH * margin), -1.0), 1.0) + 1) / 2 * (WIDTH - 1))

    line = ["·"] * WIDTH
    if math.isfinite(low) and math.isfinite(high):
        line[place(low) : place(high) + 1] = ["="] * (place(high) - place(low) + 1)
        line[0] = "<" if low < -REACH * margin else line[0]
        line[-1] = ">" if high > REACH * margin else line[-1]
    line[place(-margin)] = line[place(margin)] = ":"
    line[place(0.0)] = "│"
    if math.isfinite(effect):
        line[place(effect)] = "o"
    return "".join(line)
