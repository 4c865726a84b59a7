"""Plots: one function `plot_NAME(data, study) -> Figure` for each figure; captions are in `reports.page`."""

from typing import NamedTuple

from prunepipe.results.labels import PAPER
from prunepipe.study.study import Study


class FigureSpec(NamedTuple):
    """A figure: the "module:function" that draws it, and the collected tables that it reads besides the results."""

    function: str
    needs: tuple[str, ...] = ()


FIGURES: dict[str, FigureSpec] = {
    "effects": FigureSpec("prunepipe.reports.plots.effects:plot_effects"),
    "initial_checks": FigureSpec("prunepipe.reports.plots.checks:plot_initial_checks"),
    "partial_checks": FigureSpec("prunepipe.reports.plots.checks:plot_partial_checks"),
    "keep_ratios": FigureSpec("prunepipe.reports.plots.keep_ratios:plot_keep_ratios", ("layers",)),
    "overlap": FigureSpec("prunepipe.reports.plots.overlap:plot_overlap", ("overlap",)),
    "training_curves": FigureSpec(
        "prunepipe.reports.plots.training_curves:plot_training_curves", ("histories",)
    ),
    "paper_against_ours": FigureSpec("prunepipe.reports.plots.paper:plot_paper_against_ours"),
}
"""All figures, in the order of the report."""


def figures_of(study: Study) -> list[str]:
    """Return the figures of a study: without those of kinds of tickets that it does not check.

    Only the paper's study is compared with the paper.
    """
    checked = {study.tickets[name].initial for name in study.tickets if len(study.checks_of(name)) > 1}
    drawn = {
        "initial_checks": True in checked,
        "partial_checks": False in checked,
        "paper_against_ours": study.name == PAPER,
    }
    return [name for name in FIGURES if drawn.get(name, True)]
