"""Show the state of a study: a table that is redrawn on a terminal, a line per change elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from prunepipe.cli.decision_table import DecisionRow, cut, in_words, number_of_tests, table_lines, tally

HEARTBEAT = 30.0
"""Seconds between two lines about progress where there is no terminal."""


class LiveTable:
    """A table on a terminal, drawn again in place.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._width = 0

    def show(self, status: str, rows: Sequence[DecisionRow]) -> None:
        """Redraw the line and the table in place, or below the last ones if the terminal has become narrower."""
        width, height = shutil.get_terminal_size()
        if width < self._width:
            self._lines = []  # the terminal has wrapped them
        lines = [cut(status, width - 1), *table_lines(rows, width - 1, height - 2)]
        if lines == self._lines:
            return
        up = f"\x1b[{len(self._lines)}F" if self._lines else ""
        # Overwriting line by line, and clearing only what is left below, avoids flicker.
        self._stream.write(up + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._lines, self._width = lines, width

    def tell(self, line: str) -> None:
        """Print a line in place of the table, which is drawn again below it."""
        up = f"\x1b[{len(self._lines)}F\x1b[J" if self._lines else ""
        self._stream.write(f"{up}{line}\n")
        self._stream.flush()
        self._lines = []


class PlainLines:
    """One line for each change, for logs and pipes.

    Args:
        stream: where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[object, tuple[str, ...]] = {}
        self._last, self._status = -HEARTBEAT, ""

    def show(self, status: str, rows: Sequence[DecisionRow]) -> None:
        """Print the tests that have changed, and from time to time the progress of the runs."""
        begins, changed = not self._told, [row for row in rows if self._changed(row)]
        for row in changed if not begins else []:
            word, effect, seeds, then = row.cells[2:]
            obstacle = f"; {then}" if then and not then.startswith(("now", "later")) else ""
            self.tell(f"{in_words(row)}: {word}, {effect}, {seeds} seeds{obstacle}")
        if changed:
            self.tell(f"{number_of_tests(len(rows))}: {tally(rows)}")
        if status != self._status and (changed or time.monotonic() - self._last >= HEARTBEAT):
            self._last, self._status = time.monotonic(), status
            self.tell(status)

    def _changed(self, row: DecisionRow) -> bool:
        stands = (*row.cells[2:5], row.cells[5] if row.cells[5].startswith("NOT RUN") else "")
        before = self._told.get(row.key)
        self._told[row.key] = stands
        return before != stands

    def tell(self, line: str) -> None:
        """Print a line."""
        print(line, file=self._stream, flush=True)


Screen = LiveTable | PlainLines
"""Shows the tests and what runs."""


def screen_of(stream: TextIO = sys.stdout) -> Screen:
    """Return the display of a study for a stream: plain lines unless it is a terminal that can move its cursor."""
    moves = stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
    return LiveTable(stream) if moves else PlainLines(stream)
