"""A page that links the reports of all studies of a folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from prunepipe.artifacts import write_text
from prunepipe.results.places import RESULTS, STUDIES, partial_place
from prunepipe.verdicts.answer import answer_lines

PAGE = f"{STUDIES}/index.html"
STYLE = Path(__file__).parent / "page" / "assets" / "report.css"
JUDGED = "judged/*/results"
"""Where `prunepipe judge` keeps the results of judged methods."""


class Reported(NamedTuple):
    """The report of a study.

    Attributes:
        study: its name.
        place: folder of report.html and tables/.
        finished: whether it was made when all runs were finished.
        answer: its conclusions about methods and random tickets, in sentences.
    """

    study: str
    place: Path
    finished: bool
    answer: list[str]


def write_page(root: Path = Path()) -> Path | None:
    """Write the page that links all reports below a folder, if there are several.

    Args:
        root: folder that holds `results/` and perhaps `judged/`.
    Returns:
        The path of the page, or None if there are fewer than two reports.
    """
    found = list(reports(root))
    if len(found) < 2:
        return None
    page = root / PAGE
    write_text(page, _page(found, page.parent))
    return page


def reports(root: Path) -> Iterator[Reported]:
    """Yield the reports below a folder: of the configured study, of the others, of judged methods."""
    places = [root / RESULTS, *sorted((root / STUDIES).glob("*/")), *sorted(root.glob(JUDGED))]
    for place in places:
        for folder, finished in ((place, True), (Path(partial_place(str(place))), False)):
            if (folder / "report.html").is_file():
                rows = _rows(folder / "results.csv")
                study = rows[0]["study"] if rows else folder.name
                answer = answer_lines(_rows(folder / "tables" / "against_random.csv"))
                yield Reported(study, folder, finished, answer[:-1])  # the last line explains the numbers


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _page(found: list[Reported], folder: Path) -> str:
    rows = "\n".join(_row(report, folder) for report in found)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>All studies</title>\n'
        f"<style>{STYLE.read_text(encoding='utf-8')}</style>\n"
        f'<main>\n<h1 class="page">All studies</h1>\n{rows}\n</main>\n</html>\n'
    )


def _row(report: Reported, folder: Path) -> str:
    page = report.place / "report.html"
    link = escape(Path(os.path.relpath(page, folder)).as_posix(), quote=True)
    made = datetime.fromtimestamp(page.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    state = "" if report.finished else ", not all runs were finished"
    said = "".join(f"<p>{escape(line)}</p>" for line in report.answer)
    return (
        f'<section class="prose"><h3><a href="{link}">{escape(report.study)}</a></h3>'
        f"<p><small>{made}{state}</small></p>{said}</section>"
    )
