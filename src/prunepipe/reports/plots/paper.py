"""Our accuracies against the published ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from prunepipe.reports.plots.style import GREY, Look, entry, looks, panels, sentence, styled
from prunepipe.reports.tables import TABLES, build_table
from prunepipe.reports.tables.building import PLACE
from prunepipe.results.collected import Collected
from prunepipe.results.labels import dataset_label, network_label, row_label
from prunepipe.study.study import Study

FENCE = 3.0
"""The axes reach this many interquartile ranges below the lower quartile; lower values are marked at the edge."""


@styled
def plot_paper_against_ours(data: Collected, study: Study) -> Figure:
    """Draw our mean accuracy over the published one, with a diagonal for equality: one panel per data set and network.

    Bars are sample standard deviations over seeds, ours and the paper's.

    Args:
        data: its results.
        study: the paper's study.
    """
    tables = pd.concat([build_table(name, data.results, study) for name in TABLES])
    cells = tables[tables["difference"].notna()].drop_duplicates(PLACE)
    if cells.empty:
        return sentence(f"Study {study.name} has no finished run that the paper published a number for.")
    rows = list(dict.fromkeys(zip(cells["ticket"], cells["check"], strict=True)))
    row_looks = looks(row_label(*row) for row in rows)
    legend = [entry(label, linestyle="none", **look) for label, look in row_looks.items()]
    figure, axes, bottom = panels(
        [f"{dataset_label(dataset)}\nours (%)" for dataset in study.datasets],
        [network_label(network) for network in study.networks],
        [
            *legend,
            entry("equal", color=GREY, linewidth=0.8),
            entry("off the axes", color=GREY, marker="<", linestyle="none", fillstyle="none"),
        ],
        share_x=False,
        share_y=False,
    )
    for row, dataset in zip(axes, study.datasets, strict=True):
        for axis, network in zip(row, study.networks, strict=True):
            _draw_panel(axis, cells[(cells["dataset"] == dataset) & (cells["network"] == network)], row_looks)
    for axis in bottom:
        axis.set_xlabel("published (%)")
    return figure


def _draw_panel(axis: Axes, cells: pd.DataFrame, row_looks: dict[str, Look]) -> None:
    if cells.empty:
        return
    low, high = scale_limits(cells)
    axis.set(xlim=(low, high), ylim=(low, high))
    for own in (axis.xaxis, axis.yaxis):
        own.set_major_locator(MaxNLocator(4))
    axis.plot([low, high], [low, high], color=GREY, linewidth=0.8, zorder=1)
    for cell in cells.itertuples():
        look = row_looks[row_label(str(cell.ticket), str(cell.check))]
        _draw_cell(axis, cell, look, low)


def _draw_cell(axis: Axes, cell: Any, look: Look, low: float) -> None:
    x, y = max(cell.published_mean, low), max(cell.mean, low)
    if (x, y) != (cell.published_mean, cell.mean):
        axis.plot(x, y, **{**look, "marker": "<" if x == low else "v"}, fillstyle="none", clip_on=False)
        return
    axis.errorbar(
        x, y, xerr=np.nan_to_num(cell.published_std), yerr=np.nan_to_num(cell.std), elinewidth=0.6, **look
    )


def scale_limits(cells: pd.DataFrame) -> tuple[float, float]:
    """Return limits of both axes, without collapsed cells and cells far below the rest.

    Args:
        cells: of one panel, from build_table.
    """
    alive = cells[cells["collapsed"] < cells["n"]]
    values = (alive if len(alive) else cells)[["mean", "published_mean"]].to_numpy(float).ravel()
    lower, upper = np.quantile(values, [0.25, 0.75])
    near = values[values >= lower - FENCE * (upper - lower)]
    pad = max(0.1 * float(np.ptp(near)), 0.5)
    return near.min() - pad, near.max() + pad
