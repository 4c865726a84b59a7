"""Tables: those of the paper as tidy data, Markdown and LaTeX; the table of verdicts is in `verdicts`."""

from prunepipe.reports.tables.building import build_table
from prunepipe.reports.tables.latex import to_latex
from prunepipe.reports.tables.markdown import to_markdown
from prunepipe.reports.tables.specs import TABLES, TableSpec

__all__ = ["TABLES", "TableSpec", "build_table", "to_latex", "to_markdown"]
