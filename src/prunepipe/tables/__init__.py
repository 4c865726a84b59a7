"""The tables of the paper: as tidy data, as Markdown and as LaTeX."""

from prunepipe.tables.building import build_table
from prunepipe.tables.latex import to_latex
from prunepipe.tables.markdown import to_markdown
from prunepipe.tables.specs import TABLES, TableSpec

__all__ = ["TABLES", "TableSpec", "build_table", "to_latex", "to_markdown"]
