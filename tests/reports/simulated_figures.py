"""Studies to draw, and what can be read off a drawn figure."""

from functools import cache

from simulated_results import (
    make_collected,
    make_paper_study,
    make_study,
)

from prunepipe.plugins import load_function
from prunepipe.reports.plots import FIGURES

LONG = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init"}
STUDIES = {
    "quickstart": make_study(datasets=["digits"], networks=["vgg_digits"]),
    "paper": make_paper_study(),
    "many": make_study(
        tickets={"lottery": {}, "hybrid": {}, **{f"method_{number}": LONG for number in range(8)}},
        seeds=[0, 1],
    ),
    "one": make_study(tickets=("lottery",), seeds=[0], prune_ratios=[0.9]),
    "long names": make_study(
        tickets={
            "my_method_with_a_very_long_name": LONG,
            "another_method_with_a_long_name": LONG,
            "lottery": {},
        },
        prune_ratios=[0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995],
        datasets=["cifar10", "cifar100"],
    ),
}


def draw(name, study, data=None):
    return load_function(FIGURES[name].function)(make_collected(study) if data is None else data, study)


@cache
def drawn(name, study):
    """A figure of one of the studies, by name; to be read only."""
    return draw(name, STUDIES[study])


def texts(figure):
    figure.draw_without_rendering()
    found = [
        text for axis in figure.axes for text in [axis.title, axis.xaxis.label, axis.yaxis.label, *axis.texts]
    ]
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    return [text for text in [*found, *legends, *figure.texts] if text.get_text()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def panel(figure, row, column, columns):
    return figure.axes[row * columns + column]
