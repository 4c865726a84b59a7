"""Keep the tables, figures and report of one study from mixing with those of another.

The study that config.yaml names has its files in results/, where files of the study that it named before may remain.
"""

from __future__ import annotations

import contextlib
import csv
import os
from pathlib import Path

from prunepipe.artifacts import read_json, write_json
from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.results.places import RESULTS, place_of

MARK = "study.json"
COLLECTED = ("results.csv", "layers.csv", "histories.csv", "overlap.csv")
OUTPUTS = (*COLLECTED, "tables", "figures", "report.html", "logs")
"""What a study writes to its place. `partial` is made anew at each request, and `runs` holds every study by name."""


def owner(place: Path) -> str | None:
    """Return the name of the study whose tables, figures and report lie in a folder, or None if there are none.

    Raises:
        ConfigError: no file in the folder says which study they are of.
    """
    if not any((place / name).exists() for name in OUTPUTS):
        return None
    known = (
        _recorded(place / MARK)
        or _of_results(place / "results.csv")
        or _recorded(place / "tables" / "looks.json")
    )
    if known is None and any((place / name).exists() for name in OUTPUTS if name != "logs"):
        there = ", ".join(name for name in OUTPUTS if (place / name).exists())
        raise ConfigError(f"{place}: no file says which study made {there}; move them away, or remove them.")
    return known


def settle(study: str, place: str, root: Path = Path()) -> list[str]:
    """Prepare a folder for a study: move the files of another study out, and the study's own files in.

    Nothing is deleted. Files that were moved are made again when their study is next run, because Snakemake has no
    record of them at their new place.

    Args:
        study: name of the study that is about to run.
        place: its folder, from `place_of`.
        root: folder that holds `results/`.
    Returns:
        What was moved, in words.
    Raises:
        ConfigError: the same files of a study lie in two places, or no file says which study they are of.
    """
    other, moved = owner(root / RESULTS), []
    if place == RESULTS and other not in (None, study):
        moved += _move(root, str(other), RESULTS, place_of(str(other), configured=study))
    if place == RESULTS:
        moved += _move(root, study, place_of(study, configured=""), RESULTS)
    elif other == study:
        moved += _move(root, study, RESULTS, place)
    if _recorded(root / place / MARK) != study:
        write_json(root / place / MARK, {"study": study})
    return moved


def _move(root: Path, study: str, source: str, target: str) -> list[str]:
    """Move the outputs of a study; return a note about it, or nothing if there are none."""
    there = [name for name in OUTPUTS if (root / source / name).exists()]
    twice = [name for name in there if (root / target / name).exists()]
    if twice:
        raise ConfigError(
            f"{', '.join(twice)} of study {study} are both in {source} and in {target}; move or remove those in one "
            "of these folders. Nothing was touched."
        )
    (root / target).mkdir(parents=True, exist_ok=True)
    for name in there:
        (root / source / name).rename(root / target / name)
        if name in COLLECTED:
            os.utime(root / target / name, (0, 0))  # older than any run, so that it is made again
    (root / source / MARK).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there may be more in it
        (root / source).rmdir()
    told = f"note: the tables, figures and report of study {study} were moved from {source} to {target}"
    return [told] if there else []


def _recorded(path: Path) -> str | None:
    try:
        return str(read_json(path, "study")["study"])
    except ArtifactError:
        return None


def _of_results(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return next((row.get("study") for row in csv.DictReader(file)), None)
    except (OSError, UnicodeDecodeError):
        return None
