"""Tables as Markdown."""

from __future__ import annotations

import pandas as pd

from prunepipe.reports.tables.grid import lay_out
from prunepipe.study.study import Study


def to_markdown(table: pd.DataFrame, study: Study) -> str:
    """Write a table in the paper's layout as Markdown.

    Args:
        table: from build_table.
        study: the study that it was built for.
    Returns:
        Title, table, notes and provenance.
    """
    grid = lay_out(table, study)
    header = [f"{dataset} {ratio}" for dataset, ratios in grid.columns for ratio in ratios]
    lines = [f"**{grid.title}**", "", _row(["", *header]), _row([":--", *["--:" for _ in header]])]
    for network, rows in grid.blocks:
        lines.append(_row([f"*{network}*", *["" for _ in header]]))
        lines += [_row([line.label, *(text or "" for text in line.cells)]) for line in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in grid.notes)]) + "\n"


def _row(texts: list[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
