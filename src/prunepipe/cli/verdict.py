"""`prunepipe verdict`: what a study says of its methods, as text."""

from __future__ import annotations

import argparse
import csv
import os
import textwrap
from pathlib import Path

from prunepipe.errors import ArtifactError

WIDTH = 100
MARKS = {"uses": "uses it", "ignores": "IGNORES it", "inconclusive": "not decided", "collapsed": "collapsed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="folder that holds results/ (default: here)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the verdicts."""
    print(verdict_text(arguments.folder))
    return 0


def verdict_text(folder: Path) -> str:
    """Return the verdict of every method of a study, and of every check.

    Args:
        folder: holds results/.

    Raises:
        ArtifactError: there are no verdicts yet.
    """
    results = _newest(folder / "results")
    tables = results / "tables"
    methods, checks = _rows(tables / "methods.csv"), _rows(tables / "verdicts.csv")
    lines: list[str] = []
    for method in methods:
        lines += ["", f"{method['ticket']}: {method['summary'].upper()}", *_wrapped(method["why"])]
        own = [row for row in checks if row["ticket"] == method["ticket"]]
        lines += [_line(row) for row in own]
    lines += ["", *_where(results)]
    return "\n".join(lines).strip("\n")


def _line(row: dict[str, str]) -> str:
    word = MARKS.get(row["verdict"], row["verdict"])
    measured = "no effect measured"
    if row["effect"]:
        measured = f"{float(row['effect']):+z.2f} points"
    if row["interval_low"]:
        level = f"{float(row['interval_level']):.0%}"
        measured += (
            f" ({level} interval {float(row['interval_low']):+z.2f} to {float(row['interval_high']):+z.2f})"
        )
    needed = (
        f"; about {float(row['seeds_to_decide']):.0f} seeds would decide" if row["seeds_to_decide"] else ""
    )
    place = f"{row['dataset']} {row['network']}"
    return f"  {row['check']:<16} {word:<12} {measured}{needed}  [{place}]"


def _newest(results: Path) -> Path:
    """Return the folder with the newest verdicts: of the finished study, or of what there is of it (`partial`)."""
    verdicts = [place / "tables" / "methods.csv" for place in (results, results / "partial")]
    newest = max((path for path in verdicts if path.is_file()), default=verdicts[0], key=os.path.getmtime)
    return newest.parent.parent


def _where(results: Path) -> list[str]:
    report, full = results / "report.html", results / "tables" / "verdicts.md"
    lines = [f"Report: {report}"] if report.is_file() else []
    return [*lines, f"Every verdict with its reason: {full}"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise ArtifactError(
            f"{path}: no verdicts yet. For the finished runs of a study: prunepipe run partial --study STUDY"
        ) from error
