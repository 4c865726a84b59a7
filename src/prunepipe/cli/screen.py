"""Where the state of a study is shown: a table that is drawn again on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Protocol, TextIO

from prunepipe.cli.decision_table import DecisionRow, in_words, table_lines, tally

HEARTBEAT = 30.0
"""Seconds between two lines about runs that are made, where there is no terminal."""


class Screen(Protocol):
    """Shows the tests and what runs."""

    def show(self, status: str, rows: Sequence[DecisionRow]) -> None:
        """Show a line about the work, and all tests."""

    def close(self) -> None:
        """Leave what is shown, and go on below it."""


class LiveTable:
    """A table on a terminal, drawn again in place.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []

    def show(self, status: str, rows: Sequence[DecisionRow]) -> None:
        """Draw the line and the table over the last ones."""
        width, height = shutil.get_terminal_size()
        lines = [status[: width - 1], *table_lines(rows, width - 1, height - 3)]
        if lines == self._lines:
            return
        up = f"\x1b[{len(self._lines)}F" if self._lines else ""
        self._stream.write(up + "\x1b[J" + "".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self._lines = lines

    def close(self) -> None:
        """Leave the table; the next one is drawn below it."""
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
        """Print the tests whose word, seeds or obstacle are new, and now and then how far the runs are."""
        begins, changed = not self._told, [row for row in rows if self._changed(row)]
        for row in changed if not begins else []:
            word, effect, seeds, then = row.cells[3:]
            self._print(f"{in_words(row)}: {word}, {effect}, {seeds} seeds{'; ' * bool(then)}{then}")
        if changed:
            self._print(f"{len(rows)} tests: {tally(rows)}")
        if status != self._status and (changed or time.monotonic() - self._last >= HEARTBEAT):
            self._last, self._status = time.monotonic(), status
            self._print(status)

    def close(self) -> None:
        """Nothing to leave."""

    def _changed(self, row: DecisionRow) -> bool:
        stands = (*row.cells[3:6], row.cells[6] if row.cells[6].startswith("NOT RUN") else "")
        before = self._told.get(row.key)
        self._told[row.key] = stands
        return before != stands

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def screen_of(stream: TextIO = sys.stdout) -> Screen:
    """Return the way to show a study on a stream."""
    return LiveTable(stream) if stream.isatty() else PlainLines(stream)
