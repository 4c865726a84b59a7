"""The file that lists the runs to make, because a command line cannot hold thousands of them."""

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
"""Files of a finished run."""


def write_wanted(folders: Iterable[str], root: Path = Path()) -> None:
    """Write the list of runs that the next workflow in a folder makes.

    Args:
        folders: of the runs, as in `prunepipe.results.layout.Run.folder`.
        root: folder that holds `results/`.
    """
    (root / WANTED).parent.mkdir(parents=True, exist_ok=True)
    write_text(root / WANTED, "".join(f"{folder}\n" for folder in folders))


def wanted_files(wildcards: Any) -> list[str]:
    """Return the files of the listed runs; without a list, the workflow ends with an error."""
    path = Path(WANTED)
    if not path.is_file():
        sys.exit(
            f"error: {path}: no such file; the target {RULE} is for `prunepipe run --until-decided`, which lists runs "
            "there."
        )
    return [
        f"{folder}/{name}" for folder in path.read_text(encoding="utf-8").split("\n")[:-1] for name in FILES
    ]
