"""Overlap of masks that should differ: masks from corrupted data, and masks of another seed."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prunepipe.reports.plots.style import (
    GREY,
    Look,
    entry,
    looks,
    panels,
    place_label,
    ratio_axis,
    ratio_position,
    sentence,
    styled,
)
from prunepipe.results.collected import Collected
from prunepipe.results.labels import check_label, ticket_label
from prunepipe.results.mask_overlap import DATA, SEEDS
from prunepipe.study.study import Study

CHANCE_LOOK: Look = {
    "linestyle": (0, (1, 1.5)),
    "linewidth": 1.0,
    "markerfacecolor": "white",
    "markersize": 2.6,
}


@styled
def plot_overlap(data: Collected, study: Study) -> Figure:
    """Draw the Jaccard index of masks over prune ratios, one line per ticket, and the value expected by chance.

    Columns of panels are comparisons: the clean mask against that of each other data source (same seed), and
    clean masks of different seeds. Lines are means over pairs, bars go from the lowest to the highest pair,
    dotted lines with hollow marks are two masks at random places with the same counts per layer.

    Args:
        data: its overlap.
        study: the study whose tickets are drawn.
    """
    if data.overlap.empty or data.overlap["jaccard"].isna().all():
        return sentence(f"Study {study.name} has no two masks to compare.")
    pairs = data.overlap.assign(comparison=_comparisons(data.overlap)).sort_values("kind", kind="stable")
    comparisons = list(dict.fromkeys(pairs["comparison"]))
    ticket_looks = looks(ticket for ticket in study.tickets if ticket in set(pairs["ticket"]))
    legend = [entry(ticket_label(ticket), **look) for ticket, look in ticket_looks.items()]
    drawn = panels(
        [place_label(*place, "Jaccard index of masks") for place in study.places],
        comparisons,
        [*legend, entry("chance, same mark", color=GREY, marker="o", **CHANCE_LOOK)],
    )
    ratio_axis(drawn, study.prune_ratios)
    for row, (dataset, network) in zip(drawn.axes, study.places, strict=True):
        here = pairs[(pairs["dataset"] == dataset) & (pairs["network"] == network)]
        for axis, comparison in zip(row, comparisons, strict=True):
            _draw_panel(axis, here[here["comparison"] == comparison], ticket_looks)
        row[0].set_ylim(bottom=0)
    return drawn.figure


def _comparisons(pairs: pd.DataFrame) -> pd.Series[str]:
    """Return, for every pair of masks, the title of its column of panels."""
    against = "clean vs " + pairs["other_source"].map(check_label)
    return against.where(pairs["kind"] == DATA, "seed vs seed").where(pairs["kind"].isin([DATA, SEEDS]))


def _draw_panel(axis: Axes, pairs: pd.DataFrame, ticket_looks: dict[str, Look]) -> None:
    left, right = axis.get_xlim()
    step = 0.08 * (right - left) / len(ticket_looks)  # aside, so that equal values stay visible
    for place, (ticket, look) in enumerate(ticket_looks.items()):
        own = pairs[pairs["ticket"] == ticket].groupby("prune_ratio")
        line = own["jaccard"].agg(["mean", "min", "max"])
        position = ratio_position(line.index)
        axis.plot(position, own["expected_by_chance"].mean(), **{**look, **CHANCE_LOOK})
        position = position + (place - (len(ticket_looks) - 1) / 2) * step
        axis.vlines(position, line["min"], line["max"], color=look["color"], linewidth=0.8, alpha=0.6)
        axis.plot(position, line["mean"], **look)
