"""Show the progress of a study: a bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress

STEPS = 10
"""Number of lines that a complete study takes where there is no terminal."""


class ProgressBar:
    """A progress bar on a terminal."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def show(self, progress: StudyProgress) -> None:
        """Show the runs that are done, running, failed and left."""
        self._bar.total = progress.total
        self._bar.set_postfix_str(str(progress), refresh=False)
        self._bar.update(progress.done - self._bar.n)
        self._bar.refresh()  # `update` draws nothing while no further run is done

    def tell(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.write(line, file=sys.stderr)


class ProgressLines:
    """A line at the start, at every tenth of the runs, and at the first failure: for logs and pipes."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown: tuple[int, bool] | None = None

    def show(self, progress: StudyProgress) -> None:
        """Print a line if a further tenth of the runs is done, or the first run has failed."""
        state = STEPS * progress.done // max(progress.total, 1), progress.failed > 0
        if self._shown == state:
            return
        self._shown = state
        share = f"{progress.done} of {progress.total} runs"
        print(f"{self._title}: {share}, {progress}", file=sys.stderr, flush=True)

    def tell(self, line: str) -> None:
        """Print a line."""
        print(line, file=sys.stderr, flush=True)


@contextmanager
def progress_bar(title: str, progress: StudyProgress) -> Iterator[ProgressBar | ProgressLines]:
    """Yield a display of the progress of a study's runs, starting from its current state."""
    if not sys.stderr.isatty():
        yield ProgressLines(title)
        return
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} runs{postfix}"
    with tqdm(total=progress.total, initial=progress.done, desc=title, bar_format=form) as bar:
        yield ProgressBar(bar)
