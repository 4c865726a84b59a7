"""How wide lines are shown, and how paths: as the reader would type them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

WIDEST = 100


def line_width() -> int:
    """Return how many characters a line of text takes: the terminal's columns, and not more than can be read well."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def near(path: Path) -> Path:
    """Return a path relative to the current folder if it lies below it."""
    absolute = Path(os.path.abspath(path))  # links are kept as they are
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path
