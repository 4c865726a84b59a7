"""Measure how fast a command finishes runs."""

from __future__ import annotations

import time
from collections.abc import Callable

FEWEST = 3
"""Number of finished runs from which on their pace is known."""


class Pace:
    """Counts the seconds that a workflow takes, and the runs that it finishes.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds, self._made = 0.0, 0
        self._since, self._here = clock(), 0

    def start(self) -> None:
        """Note that a workflow starts."""
        self._since, self._here = self._clock(), 0

    def made(self, runs: int) -> None:
        """Note how many runs the workflow has finished since it started."""
        self._here = runs

    def stop(self) -> None:
        """Note that the workflow has ended."""
        self._seconds += self._clock() - self._since
        self._made += self._here
        self._since, self._here = self._clock(), 0

    def seconds(self, runs: int) -> float | None:
        """Return the seconds that a number of runs take, or None if too few are finished to know."""
        made, working = self._made + self._here, self._here > 0
        if made < FEWEST:
            return None
        spent = self._seconds + (self._clock() - self._since if working else 0.0)
        return runs * spent / made
