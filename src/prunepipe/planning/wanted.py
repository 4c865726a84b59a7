"""The list of runs that a workflow is asked for by file, because a command line cannot hold thousands of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prunepipe.artifacts import write_text

WANTED = ".snakemake/prunepipe-wanted.txt"
RULE = "wanted"
"""The target that makes them."""
FILES = ("metrics.json", "timing.json")
"""What a finished run has."""


def write_wanted(folders: Iterable[str], root: Path = Path()) -> None:
    """Write the list that the next workflow in a folder is asked for.

    Args:
        folders: of the runs, as in `prunepipe.results.layout.Run.folder`.
        root: folder that holds `results/`.
    """
    (root / WANTED).parent.mkdir(parents=True, exist_ok=True)
    write_text(root / WANTED, "".join(f"{folder}\n" for folder in folders))


def wanted_files(wildcards: Any) -> list[str]:
    """Return the files of the listed runs; without a list the workflow ends with a line that says what makes one."""
    path = Path(WANTED)
    if not path.is_file():
        sys.exit(
            f"error: {path}: no such file; the target {RULE} is for `prunepipe run --until-decided`, which lists runs "
            "there."
        )
    return [
        f"{folder}/{name}" for folder in path.read_text(encoding="utf-8").split("\n")[:-1] for name in FILES
    ]
