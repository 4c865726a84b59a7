"""Tables as LaTeX, for documents that load booktabs."""

from __future__ import annotations

import re

import pandas as pd

from prunepipe.reports.tables.grid import Line, lay_out
from prunepipe.study.study import Study

SPECIAL = str.maketrans(
    {
        **{character: "\\" + character for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "−": "$-$",
        "†": r"$^\dagger$",
        "‡": r"$^\ddagger$",
    }
)


def to_latex(table: pd.DataFrame, study: Study) -> str:
    r"""Write a table in the paper's layout as LaTeX.

    Args:
        table: from build_table.
        study: the study that it was built for.
    Returns:
        A table environment; the document needs \usepackage{booktabs}.
    """
    grid = lay_out(table, study)
    width = sum(len(ratios) for _, ratios in grid.columns)
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\small"]
    lines += [rf"\caption{{{escape(grid.title)}}}", rf"\label{{tab:{table['table'].iloc[0]}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule", *_header(grid.columns)]
    for network, rows in grid.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{width + 1}}}{{l}}{{\emph{{{escape(network)}}}}} \\"]
        lines += [_line(row, grid.columns) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", ""]
    lines += [rf"\par\smallskip\footnotesize {escape(note)}" for note in grid.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def escape(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return text.translate(SPECIAL)


def _cell(text: str | None) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", escape(text or ""))


def _header(columns: list[tuple[str, list[str]]]) -> list[str]:
    datasets, rules, ratios = [], [], []
    left = 2
    for dataset, own in columns:
        datasets.append(rf"\multicolumn{{{len(own)}}}{{c}}{{{escape(dataset)}}}")
        rules.append(rf"\cmidrule(lr){{{left}-{left + len(own) - 1}}}")
        ratios += [escape(ratio) for ratio in own]
        left += len(own)
    return [
        " & ".join(["", *datasets]) + r" \\",
        " ".join(rules),
        " & ".join(["Prune ratio", *ratios]) + r" \\",
    ]


def _line(line: Line, columns: list[tuple[str, list[str]]]) -> str:
    if not line.dense:
        return " & ".join([escape(line.label), *map(_cell, line.cells)]) + r" \\"
    cells, left = [escape(line.label)], 0
    for _, ratios in columns:  # one number for all ratios of a data set
        cells.append(rf"\multicolumn{{{len(ratios)}}}{{c}}{{{_cell(line.cells[left])}}}")
        left += len(ratios)
    return " & ".join(cells) + r" \\"
