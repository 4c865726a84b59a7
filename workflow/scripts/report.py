"""Write the report of a study: one self-contained HTML page."""

from pathlib import Path

from prunepipe.artifacts import write_text
from prunepipe.reports.page import build_report
from prunepipe.results.collected import Collected, read_frame
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.reporting import ReportSettings
from prunepipe.study.loading import load_study
from prunepipe.verdicts.judge import judge
from prunepipe.verdicts.record import first_looked_at


def main(files, settings):
    """Read the tables and figures, judge, write the page; missing figures are marked."""
    study = load_study(Path(files.study))
    names = ("results", "layers", "histories", "overlap")
    data = Collected(**{name: read_frame(getattr(files, name)) for name in names})
    paths = {name: Path(path) for name, path in settings.figures.items()}
    figures = {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}
    judgement = judge(data.results, study, record=first_looked_at(study))
    write_text(files.report, build_report(data, judgement, study, figures, Path(files.study)))


run(__doc__, main, "study", "results", "layers", "histories", "overlap", "report", settings=ReportSettings)
