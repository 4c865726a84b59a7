"""How wide lines are shown, how paths, and the output of other commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDEST = 100


def line_width() -> int:
    """Return how many characters a line of text takes: the terminal's columns, and not more than can be read well."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def near(path: Path) -> Path:
    """Return a path relative to the current folder if it lies below it."""
    absolute = Path(os.path.abspath(path))  # links are kept as they are
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path


def run_on_screen(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command whose output the user sees, and return its exit status.

    Raises:
        BrokenPipeError: whoever read the output has seen enough, as `head`; the command has run to its end.
    """
    if sys.stdout.isatty():
        return subprocess.run(command, env=dict(environment), check=False).returncode
    with subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
        except BrokenPipeError:
            process.stdout.read()  # or Snakemake ends in a traceback
            raise
    return process.returncode
