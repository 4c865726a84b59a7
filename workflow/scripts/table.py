"""Build one table of the paper from collected results: as tidy CSV, Markdown and LaTeX."""

from pathlib import Path

from prunepipe.artifacts import write_text
from prunepipe.reports.tables import build_table, to_latex, to_markdown
from prunepipe.results.collected import read_frame, write_frame
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.reporting import TableSettings
from prunepipe.study.loading import load_study


def main(files, settings):
    """Build the table that the settings name, and write it in three formats."""
    study = load_study(Path(files.study))
    table = build_table(settings.table, read_frame(files.results), study, Path(files.study))
    write_frame(files.csv, table)
    write_text(files.md, to_markdown(table, study))
    write_text(files.tex, to_latex(table, study))


run(__doc__, main, "study", "results", "csv", "md", "tex", settings=TableSettings)
