"""`prunepipe verdict`: print what a study concludes about its methods."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from prunepipe.cli.shown import wrapped
from prunepipe.errors import ArtifactError
from prunepipe.results.labels import ratio_label, share_label
from prunepipe.results.places import RESULTS, STUDIES, partial_place
from prunepipe.results.standing import NOT_STARTED

METHODS = "tables/methods.csv"
AGAINST_RANDOM = "tables/against_random.csv"
LEGEND = (
    "Effects in points; │ is zero, : the margin, = the interval, o the effect; next: the seeds of the next look, and"
    " the chance that it decides."
)
INDENT = "  "
MARKS = {"ignores": "IGNORES", "inconclusive": "open"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="folder that holds results/, or that holds the tables/ of one study (default: the current folder)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the verdicts."""
    from prunepipe.cli.first_screen import first_screen

    print(first_screen(newest_results(arguments.folder)))
    return 0


def verdict_text(results: Path) -> str:
    """Return the answer of a study (method minus random), then the verdict of every method and check.

    Args:
        results: folder of results.csv and tables/, of a study or of its finished part (`partial`).

    Raises:
        ArtifactError: there are no verdicts yet.
    """
    tables = results / "tables"
    methods, checks = csv_rows(results / METHODS), csv_rows(tables / "verdicts.csv")
    runs = csv_rows(results / "results.csv")
    several = len({(row.get("dataset"), row.get("network")) for row in checks}) > 1
    study = next((row["study"] for row in runs), "")
    unfinished = ", finished part" if results.name == "partial" else ""
    lines = [f"Study {study}{unfinished}", *answer_text(results)]
    for method in methods:
        failure = not_run(method["ticket"], runs)
        if failure:
            lines += ["", f"{method['ticket']}: NOT RUN: {failure}"]
            continue
        lines += ["", f"{method['ticket']}: {method['summary'].upper()}", *wrapped(method["why"], INDENT)]
        lines += wrapped(f"But {method['caveat']}.", INDENT) if method.get("caveat") else []
        own = [row for row in checks if row["ticket"] == method["ticket"]]
        lines += [_line(row, several) for row in own]
    lines += ["", *wrapped(LEGEND, INDENT)] if checks else []
    report = results / "report.html"
    lines += ["", *([f"Report: {report}"] if report.is_file() else [])]
    lines.append(f"Every verdict with its reason: {tables / 'verdicts.md'}")
    return "\n".join(lines).strip("\n")


def not_run(ticket: str, runs: Iterable[Mapping[str, str]]) -> str | None:
    """Return why a method was not run at all, or None if any run of it is finished.

    Args:
        ticket: the method.
        runs: rows of results.csv.
    """
    own = [row for row in runs if row["ticket"] == ticket and row.get("status")]
    if not own or any(row["status"] == "done" for row in own):
        return None
    causes = [row["cause"] for row in own if row.get("cause") not in (None, "", NOT_STARTED)]
    if causes:
        return causes[0].removeprefix("error: ")
    return "its runs have not been started"


def _line(row: dict[str, str], several: bool) -> str:
    word = MARKS.get(row["verdict"], row["verdict"])
    ratio = ratio_label(float(row["prune_ratio"]))
    measured = f"{float(row['effect']):+z.2f}" if row["effect"] else "-"
    place = f"  [{row['dataset']} {row['network']}]" if several else ""
    picture = row["picture"] if row["effect"] else " " * len(row["picture"])
    return f"  {row['check']:<16}{ratio:>6}  {word:<11}{measured:>7}  {picture}  {_state(row)}{place}"


def _state(row: dict[str, str]) -> str:
    """Return the look, and the chances of the next one."""
    seeds = f"{float(row['look']):.0f} seeds" if float(row["look"]) else "no look yet"
    if not row["next_look"]:
        return seeds
    chance = f" ({share_label(float(row['probability']))})" if row["probability"] else ""
    return f"{seeds}, next {float(row['next_look']):.0f}{chance}"


def newest_results(folder: Path) -> Path:
    """Return the folder with the newest verdicts: `folder` itself, or among those of the studies below its results/."""
    if (folder / METHODS).is_file():
        return folder
    places = [folder / RESULTS, *sorted((folder / STUDIES).glob("*"))]
    both = [place for each in places for place in (each, Path(partial_place(str(each))))]
    found = [place for place in both if (place / METHODS).is_file()]
    return max(found, default=places[0], key=lambda place: (place / METHODS).stat().st_mtime)


def answer_text(results: Path) -> list[str]:
    """Return why a study is not to be trusted, if so, and its answer in sentences; empty without a random ticket."""
    from prunepipe.verdicts.answer import answer_lines

    checks, path = csv_rows(results / "tables" / "verdicts.csv"), results / AGAINST_RANDOM
    flag = next((row["flag"] for row in checks if row.get("flag")), "")
    lines = [f"NOT TO BE TRUSTED: {flag}."] if flag else []
    lines += answer_lines(csv_rows(path)) if path.is_file() else []
    return [text for line in lines for text in wrapped(line, INDENT)]


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of a study.

    Raises:
        ArtifactError: it is not there yet.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise ArtifactError(
            f"{path}: no verdicts yet. For the finished runs of a study: prunepipe run partial --study STUDY"
        ) from error
