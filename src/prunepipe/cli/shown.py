"""How text and paths are shown on the screen."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path

WIDEST = 100
"""Most characters of a line of text; longer lines are hard to read."""


def wrapped(text: str, indent: str = "") -> list[str]:
    """Return a text as lines that fit the terminal, the first after an indent, the others indented by two spaces."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent="  ")


def near(path: Path) -> Path:
    """Return a path relative to the current folder if it lies below it."""
    absolute = Path(os.path.abspath(path))  # links are kept as they are
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path
