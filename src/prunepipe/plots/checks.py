"""Accuracy over prune ratios with and without each sanity check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prunepipe.collected import Collected
from prunepipe.labels import check_label, ticket_label
from prunepipe.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
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
from prunepipe.study import FULL_NETWORK, Study
from prunepipe.tables import build_table

CHECK_LOOKS: dict[str, Look] = {
    "none": {"color": BLUE, "marker": "o"},
    "rearrange": {"color": ORANGE, "marker": "s"},
    "corrupted_data": {"color": GREEN, "marker": "^"},
    "half_dataset": {"color": VERMILLION, "marker": "^"},
    "shuffle_weights": {"color": PURPLE, "marker": "s"},
}
"""A check looks the same in every figure."""

DENSE_LOOK: Look = {"color": GREY, "linestyle": (0, (5, 2)), "linewidth": 0.9}
COLLAPSED_LOOK: Look = {
    "marker": "X",
    "markersize": 5,
    "linestyle": "none",
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
}
PARTLY_LOOK: Look = {"markerfacecolor": "white", "linestyle": "none", "zorder": 3}
MISSING_LOOK: Look = {"marker": "$?$", "markersize": 4.5, "linestyle": "none"}
EDGE = 0.06
"""Height of the marks for cells that are off the axis, as a share of it."""


def plot_initial_checks(data: Collected, study: Study) -> Figure:
    """Draw the accuracy of initial tickets over prune ratios, one line a check; see `draw_checks`."""
    return draw_checks("initial_checks", data, study)


def plot_partial_checks(data: Collected, study: Study) -> Figure:
    """Draw the accuracy of partially trained tickets over prune ratios, one line a check; see `draw_checks`."""
    return draw_checks("partial_checks", data, study)


@styled
def draw_checks(table: str, data: Collected, study: Study) -> Figure:
    """Draw a table of checks: rows of panels are data sets and networks, columns are tickets.

    Bands and bars are 95 % confidence intervals of means. The y axis covers the cells that did not collapse;
    collapsed and missing cells are marks at its lower edge, because chance accuracy would flatten all else.

    Args:
        table: name of a table of checks.
        data: what was collected.
        study: whose cells to draw.
    """
    cells = build_table(table, data.results, study)
    tickets = [ticket for ticket, own in cells.groupby("ticket", sort=False) if own["check"].nunique() > 1]
    if not tickets or cells["mean"].isna().all():
        return sentence(f"Study {study.name} has no finished run for {table}.")
    dense = cells[cells["ticket"] == FULL_NETWORK]
    cells = cells[cells["ticket"].isin(tickets)].assign(
        position=lambda own: ratio_position(own["prune_ratio"])
    )
    checks = _check_looks(cells)
    places = [(dataset, network) for dataset in study.datasets for network in study.networks]
    figure, axes = panels(
        [place_label(*place, "test accuracy (%)") for place in places],
        [ticket_label(str(ticket)) for ticket in tickets],
        _legend(cells, checks),
    )
    ratio_axis(axes[-1], study.prune_ratios)
    for row, place in zip(axes, places, strict=True):
        here = _at(cells, *place)
        whole = _at(dense, *place)["mean"]
        row[0].set_ylim(*_limits(here, whole))
        for axis, ticket in zip(row, tickets, strict=True):
            axis.axhline(whole.iloc[0], **DENSE_LOOK)
            _draw_panel(axis, here[here["ticket"] == ticket], checks)
    return figure


def _at(cells: pd.DataFrame, dataset: str, network: str) -> pd.DataFrame:
    return cells[(cells["dataset"] == dataset) & (cells["network"] == network)]


def _check_looks(cells: pd.DataFrame) -> dict[str, Look]:
    """Return the look of every check, `none` first; those without a fixed look get the remaining ones."""
    checks = sorted(dict.fromkeys(cells["check"]), key=lambda check: check != "none")
    others = [check for check in checks if check not in CHECK_LOOKS]
    own = looks([*CHECK_LOOKS, *others]) | CHECK_LOOKS  # the first colours are taken
    return {check: own[check] for check in checks}


def _legend(cells: pd.DataFrame, checks: dict[str, Look]) -> Sequence[Artist]:
    labels = {"none": "no check"}
    entries = [entry(labels.get(check, check_label(check)), **look) for check, look in checks.items()]
    entries.append(entry("full network", **DENSE_LOOK))
    if _collapsed(cells).any():
        entries.append(entry("collapsed, at chance", color=GREY, **COLLAPSED_LOOK))
    if _partly(cells).any():
        entries.append(entry("some seeds collapsed", color=GREY, marker="o", **PARTLY_LOOK))
    if cells["n"].eq(0).any():
        entries.append(entry("no finished run", color=GREY, **MISSING_LOOK))
    return entries


def _collapsed(cells: pd.DataFrame) -> pd.Series[bool]:
    return cells["n"].gt(0) & cells["collapsed"].eq(cells["n"])


def _partly(cells: pd.DataFrame) -> pd.Series[bool]:
    return cells["collapsed"].gt(0) & cells["collapsed"].lt(cells["n"])


def _limits(cells: pd.DataFrame, whole: pd.Series[float]) -> tuple[float, float]:
    """Return the y limits: all means without a collapsed seed, room for typical intervals and for the marks."""
    shown = cells[cells["collapsed"].eq(0)]
    means = pd.concat([shown["mean"], whole]).dropna()
    if means.empty:
        return 0.0, 100.0
    half = (shown["ci_high"] - shown["ci_low"]).median() / 2
    span = max(float(np.ptp(means)), 1.0)
    pad = min(max(0.08 * span, 0.0 if np.isnan(half) else half), span)
    marks = len(shown) < len(cells) or shown["n"].eq(0).any()
    return means.min() - pad - (0.25 * span if marks else 0.0), min(means.max() + pad, 101.0)


def _draw_panel(axis: Axes, cells: pd.DataFrame, checks: dict[str, Look]) -> None:
    edge = _edge(axis)
    for offset, (check, own) in _dodged(cells, checks, axis):
        look, colour = checks[check], checks[check]["color"]
        own = own.sort_values("position")
        own = own.assign(position=own["position"] + offset, height=own["mean"].clip(lower=edge))
        # Seeds of which some collapsed are two groups, not one with an interval.
        line = own.where(own["collapsed"].eq(0))
        axis.fill_between(line["position"], line["ci_low"], line["ci_high"], color=colour, alpha=0.1, lw=0)
        axis.vlines(line["position"], line["ci_low"], line["ci_high"], color=colour, alpha=0.5, lw=0.8)
        axis.plot(line["position"], line["mean"], **look)
        _mark_collapse(axis, own, look)
        gaps = own[own["n"].eq(0)]
        axis.plot(gaps["position"], [edge] * len(gaps), color=colour, zorder=3, **MISSING_LOOK)
    _name_marks(axis, cells)


def _edge(axis: Axes) -> float:
    """Return the height of the marks for cells below the axis."""
    bottom, top = axis.get_ylim()
    return bottom + EDGE * (top - bottom)


def _dodged(
    cells: pd.DataFrame, checks: dict[str, Look], axis: Axes
) -> Iterator[tuple[float, tuple[str, pd.DataFrame]]]:
    """Enumerate the checks of a panel, each a little aside so that equal values stay visible."""
    present = [check for check in checks if cells["check"].eq(check).any()]
    left, right = axis.get_xlim()
    for place, check in enumerate(present):
        offset = (place - (len(present) - 1) / 2) * 0.028 * (right - left)
        yield offset, (check, cells[cells["check"] == check])


def _mark_collapse(axis: Axes, line: pd.DataFrame, look: Look) -> None:
    """Mark the collapsed cells of a line, and lead the eye to them from the cell before."""
    points = list(zip(line["position"], line["height"], line["collapsed"], line["n"], strict=True))
    for before, after in pairwise(points):
        if before[3] and after[2] > before[2]:
            axis.plot(
                *zip(before[:2], after[:2], strict=True), color=look["color"], linestyle=":", linewidth=0.8
            )
    whole, some = line[_collapsed(line)], line[_partly(line)]
    axis.plot(whole["position"], whole["height"], color=look["color"], zorder=3, **COLLAPSED_LOOK)
    axis.plot(some["position"], some["height"], **{**look, **PARTLY_LOOK})


def _name_marks(axis: Axes, cells: pd.DataFrame) -> None:
    """Write beside the marks at the edge which accuracies they stand for."""
    left, right = axis.get_xlim()
    below = cells[cells["mean"].lt(_edge(axis)) & cells["collapsed"].gt(0)]
    for position, marks in below.groupby("position"):
        texts = dict.fromkeys(f"{mean:.3g}" for mean in sorted(marks["mean"]))
        side = 1 if (float(str(position)) - left) < (right - left) / 2 else -1
        place = float(str(position)) + side * 0.09 * (right - left), _edge(axis)
        text = "–".join([next(iter(texts)), *list(texts)[1:][-1:]]) + " %"
        axis.text(*place, text, ha="left" if side > 0 else "right", va="center", fontsize=5.5, color=GREY)
