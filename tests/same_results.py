"""Whether two folders hold the same results, byte for byte."""

import csv
from pathlib import Path

TIMES = {"timing.json", "report.html", "index.html"}
"""Files that say how long things took; logs and benchmarks are told by their suffix."""


def results_of(project: Path) -> dict[str, Path]:
    """Return the files of a project's results that must be the same in every run, by relative path."""
    files = {
        str(path.relative_to(project)): path for path in (project / "results").rglob("*") if path.is_file()
    }
    return {
        name: path
        for name, path in files.items()
        if path.suffix not in (".log", ".jsonl") and path.name not in TIMES and not path.name.startswith(".")
    }


def differences(one: Path, other: Path) -> list[str]:
    """Return the results of two projects that differ, or that only one of them has."""
    left, right = results_of(one), results_of(other)
    shared = left.keys() & right.keys()
    return sorted(
        (left.keys() ^ right.keys()) | {name for name in shared if not _same(left[name], right[name])}
    )


def _same(one: Path, other: Path) -> bool:
    if one.read_bytes() == other.read_bytes():
        return True
    if one.name != "results.csv":
        return False
    return _without_times(one) == _without_times(other)


def _without_times(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)
        ]
