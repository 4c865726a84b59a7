"""Draw one figure from collected results, as .svg and as .png."""

from pathlib import Path

from prunepipe.plugins import load_function
from prunepipe.reports.plots import FIGURES
from prunepipe.reports.plots.style import save_figure
from prunepipe.results.collected import read_collected
from prunepipe.stages.command_line import run
from prunepipe.stages.schemas.reporting import FigureSettings
from prunepipe.study.loading import load_study


def main(files, settings):
    """Read the tables that the figure needs, draw it, save it."""
    study = load_study(Path(files.study))
    data = read_collected(
        study, files.results, layers=files.layers, histories=files.histories, overlap=files.overlap
    )
    figure = load_function(FIGURES[settings.figure].function)(data, study)
    save_figure(figure, files.svg, files.png)


run(
    __doc__,
    main,
    "study",
    "results",
    "svg",
    "png",
    optional=("layers", "histories", "overlap"),
    settings=FigureSettings,
)
