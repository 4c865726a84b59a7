"""How fast runs are made here, measured since the command started; unknown until a few are made."""

from __future__ import annotations

import time
from collections.abc import Callable

FEWEST = 3
"""Runs that must be made before their pace says anything."""


class Pace:
    """Counts the seconds in which a workflow is at work, and the runs that it makes.

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
        """Note how many runs the workflow has made since it started."""
        self._here = runs

    def stop(self) -> None:
        """Note that the workflow has ended."""
        self._seconds += self._clock() - self._since
        self._made += self._here
        self._since, self._here = self._clock(), 0

    def seconds(self, runs: int) -> float | None:
        """Return how long so many runs take, in seconds, or None if too few were made to say it."""
        made, working = self._made + self._here, self._here > 0
        if made < FEWEST:
            return None
        spent = self._seconds + (self._clock() - self._since if working else 0.0)
        return runs * spent / made
