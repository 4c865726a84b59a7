"""The paper's tables as the page shows them: each cell with its mean, interval and gaps."""

from __future__ import annotations

from typing import Any

import pandas as pd

from prunepipe.reports.page.formats import ABSENT, interval_of_mean, known, number, signed
from prunepipe.reports.tables import build_table
from prunepipe.reports.tables.grid import lay_out
from prunepipe.study.study import Study

GAP = "Missing: "


def paper_tables(results: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Build the tables that a study asks for.

    Args:
        results: one row per run, see prunepipe.results.table.COLUMNS.
        study: defines the tables and their rows.
    Returns:
        One dictionary per table: title, columns, blocks of lines (one per network), notes and gaps.
    """
    return [_table(name, results, study) for name in study.tables]


def _table(name: str, results: pd.DataFrame, study: Study) -> dict[str, Any]:
    grid = lay_out(build_table(name, results, study), study, _cell)
    return {
        "title": grid.title,
        "columns": grid.columns,
        "blocks": grid.blocks,
        "notes": [note for note in grid.notes if not note.startswith((GAP, "The .csv file of"))],
        "gaps": [note.removeprefix(GAP) for note in grid.notes if note.startswith(GAP)],
    }


def _cell(row: Any, best: bool) -> dict[str, Any]:
    published = ""
    if known(row.published_mean):
        published = f"published {number(row.published_mean)}"
        published += f" ({signed(row.difference)}, {row.replication})" if known(row.difference) else ""
    return {
        "mean": number(row.mean) if row.n else ABSENT,
        "interval": "" if row.collapsed == row.n else interval_of_mean(row.ci_low, row.ci_high, row.n),
        "best": best,
        "collapsed": f"{row.collapsed} of {row.n}" if row.collapsed else "",
        "partial": f"{row.partial} of {row.n} partly" if row.partial else "",
        "missing": "" if row.n == row.expected else f"{row.n} of {row.expected} runs",
        "published": published,
    }
