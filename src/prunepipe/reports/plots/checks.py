"""Accuracy over prune ratios with and without each sanity check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWN, CARETUP

from prunepipe.reports.plots.style import (
    BLUE,
    DENSE_LOOK,
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
from prunepipe.reports.tables import build_table
from prunepipe.results.collected import Collected
from prunepipe.results.labels import check_label, ticket_label
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study

CHECK_LOOKS: dict[str, Look] = {
    NO_CHECK: {"color": BLUE, "marker": "o"},
    "rearrange": {"color": ORANGE, "marker": "s"},
    "corrupted_data": {"color": GREEN, "marker": "^"},
    "half_dataset": {"color": VERMILLION, "marker": "^"},
    "shuffle_weights": {"color": PURPLE, "marker": "s"},
}
"""A check looks the same in every figure."""

COLLAPSED_LOOK: Look = {
    "marker": "X",
    "markersize": 5,
    "linestyle": "none",
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
}
PARTLY_LOOK: Look = {"markerfacecolor": "white", "linestyle": "none", "zorder": 3}
MISSING_LOOK: Look = {"marker": "$?$", "markersize": 4.5, "linestyle": "none"}
CLIPPED_LOOK: Look = {"markersize": 3, "linestyle": "none", "alpha": 0.6, "clip_on": False}
BAND_SEEDS = 3
"""Seeds from which on intervals are drawn."""
EDGE = 0.06
"""Height of the marks for cells that are off the axis, as a share of it."""


def plot_initial_checks(data: Collected, study: Study) -> Figure:
    """Draw the accuracy of initial tickets over prune ratios, one line per check; see `draw_checks`."""
    return draw_checks("initial_checks", data, study)


def plot_partial_checks(data: Collected, study: Study) -> Figure:
    """Draw the accuracy of partially trained tickets over prune ratios, one line per check; see `draw_checks`."""
    return draw_checks("partial_checks", data, study)


@styled
def draw_checks(table: str, data: Collected, study: Study) -> Figure:
    """Draw a table of checks: rows of panels are data sets and networks, columns are tickets.

    Bands and bars are 95 % confidence intervals of means, from BAND_SEEDS seeds on. The interval of two seeds spans
    12.7 standard errors to each side, so their bars go from the lower to the higher accuracy instead. The panels of a
    row share their y axis. It covers the means of cells whose networks are whole; a bar that leaves it ends in a
    triangle. Cells that collapsed, in part or entirely, and missing cells are marks at its lower edge.

    Args:
        table: name of a table of checks.
        data: the collected results.
        study: the study whose cells are drawn.
    """
    cells = build_table(table, data.results, study)
    tickets = [ticket for ticket, own in cells.groupby("ticket", sort=False) if own["check"].nunique() > 1]
    if not tickets or cells["mean"].isna().all():
        return sentence(f"Study {study.name} has no finished run for {table}.")
    dense = cells[cells["ticket"] == FULL_NETWORK]
    cells = _with_range_of_two(cells[cells["ticket"].isin(tickets)]).assign(
        position=lambda own: ratio_position(own["prune_ratio"])
    )
    checks = _check_looks(cells)
    whole = {place: _at(dense, *place)["mean"] for place in study.places}
    own = {
        (place, ticket): _at(cells[cells["ticket"] == ticket], *place)
        for place in study.places
        for ticket in tickets
    }
    limits = {place: _limits(_at(cells, *place), whole[place]) for place in study.places}
    drawn = panels(
        [place_label(*place, "test accuracy (%)") for place in study.places],
        [ticket_label(str(ticket)) for ticket in tickets],
        _legend(
            cells, checks, cut=any(_leaves(seen, *limits[place]).any() for (place, _), seen in own.items())
        ),
    )
    ratio_axis(drawn, study.prune_ratios)
    for row, place in zip(drawn.axes, study.places, strict=True):
        for axis, ticket in zip(row, tickets, strict=True):
            axis.set_ylim(*limits[place])
            axis.axhline(whole[place].iloc[0], **DENSE_LOOK)
            _draw_panel(axis, own[place, ticket], checks)
    return drawn.figure


def _with_range_of_two(cells: pd.DataFrame) -> pd.DataFrame:
    """Replace the interval of two seeds by their accuracies, which are a standard deviation / sqrt(2) off the mean."""
    two, half = cells["n"].lt(BAND_SEEDS), cells["std"] / np.sqrt(2)
    return cells.assign(
        ci_low=cells["ci_low"].mask(two, cells["mean"] - half),
        ci_high=cells["ci_high"].mask(two, cells["mean"] + half),
    )


def _at(cells: pd.DataFrame, dataset: str, network: str) -> pd.DataFrame:
    return cells[(cells["dataset"] == dataset) & (cells["network"] == network)]


def _check_looks(cells: pd.DataFrame) -> dict[str, Look]:
    """Return the look of every check, `none` first; those without a fixed look get the remaining ones."""
    checks = sorted(dict.fromkeys(cells["check"]), key=lambda check: check != NO_CHECK)
    others = [check for check in checks if check not in CHECK_LOOKS]
    own = looks([*CHECK_LOOKS, *others]) | CHECK_LOOKS  # the first colours are taken
    return {check: own[check] for check in checks}


def _legend(cells: pd.DataFrame, checks: dict[str, Look], *, cut: bool) -> Sequence[Artist]:
    labels = {NO_CHECK: "no check"}
    entries = [entry(labels.get(check, check_label(check)), **look) for check, look in checks.items()]
    entries.append(entry("full network", **DENSE_LOOK))
    if _collapsed(cells).any():
        entries.append(entry("collapsed, at chance", color=GREY, **COLLAPSED_LOOK))
    if _partly(cells).any():
        entries.append(entry("some seeds or classes collapsed", color=GREY, marker="o", **PARTLY_LOOK))
    if cut:
        entries.append(entry("interval, cut at the axis", color=GREY, marker=CARETUP, **CLIPPED_LOOK))
    if cells["n"].eq(0).any():
        entries.append(entry("no finished run", color=GREY, **MISSING_LOOK))
    return entries


def _collapsed(cells: pd.DataFrame) -> pd.Series[bool]:
    return cells["n"].gt(0) & cells["collapsed"].eq(cells["n"])


def _partly(cells: pd.DataFrame) -> pd.Series[bool]:
    return (cells["collapsed"].gt(0) & cells["collapsed"].lt(cells["n"])) | cells["partial"].gt(0)


def _limits(cells: pd.DataFrame, whole: pd.Series[float]) -> tuple[float, float]:
    """Return the y limits: the means of whole networks, some room for intervals, and for the marks."""
    shown = cells[cells["collapsed"].eq(0) & cells["partial"].eq(0)]
    means = pd.concat([shown["mean"], whole]).dropna()
    if means.empty:
        return 0.0, 100.0
    half = (shown["ci_high"] - shown["ci_low"]).median() / 2
    span = max(float(np.ptp(means)), 1.0)
    pad = min(max(0.08 * span, 0.0 if np.isnan(half) else half), 0.3 * span)
    marks = len(shown) < len(cells) or shown["n"].eq(0).any()
    return means.min() - pad - (0.25 * span if marks else 0.0), min(means.max() + pad, 101.0)


def _draw_panel(axis: Axes, cells: pd.DataFrame, checks: dict[str, Look]) -> None:
    edge = _edge(axis)
    for offset, (check, own) in _dodged(cells, checks, axis):
        look, colour = checks[check], checks[check]["color"]
        own = own.sort_values("position")
        own = own.assign(position=own["position"] + offset, height=own["mean"].clip(lower=edge))
        # Seeds of which some collapsed are two groups, not one with an interval.
        line = own.where(own["collapsed"].eq(0) & (own["partial"].eq(0) | own["mean"].ge(edge)))
        band = line.where(line["n"].ge(BAND_SEEDS))
        axis.fill_between(band["position"], band["ci_low"], band["ci_high"], color=colour, alpha=0.1, lw=0)
        _draw_bars(axis, line, colour)
        axis.plot(line["position"], line["mean"], **look)
        _mark_collapse(axis, own, look)
        gaps = own[own["n"].eq(0)]
        axis.plot(gaps["position"], [edge] * len(gaps), color=colour, zorder=3, **MISSING_LOOK)
    _name_marks(axis, cells)


def _leaves(cells: pd.DataFrame, bottom: float, top: float) -> pd.Series[bool]:
    """Whether the interval of each cell that is drawn with one leaves an axis."""
    return (
        cells["collapsed"].eq(0)
        & cells["partial"].eq(0)
        & (cells["ci_low"].lt(bottom) | cells["ci_high"].gt(top))
    )


def _draw_bars(axis: Axes, line: pd.DataFrame, colour: str) -> None:
    """Draw intervals as bars; those that leave the axis end in a triangle."""
    bottom, top = axis.get_ylim()
    ends = line["ci_low"].clip(lower=bottom), line["ci_high"].clip(upper=top)
    axis.vlines(line["position"], *ends, color=colour, alpha=0.5, lw=0.8)
    below, above = line["ci_low"] < bottom, line["ci_high"] > top
    for edge, beyond, marker in ((bottom, below, CARETDOWN), (top, above, CARETUP)):
        places = line.loc[beyond, "position"]
        axis.plot(places, [edge] * len(places), color=colour, marker=marker, **CLIPPED_LOOK)


def _edge(axis: Axes) -> float:
    """Return the height of the marks for cells below the axis."""
    bottom, top = axis.get_ylim()
    return bottom + EDGE * (top - bottom)


def _dodged(
    cells: pd.DataFrame, checks: dict[str, Look], axis: Axes
) -> Iterator[tuple[float, tuple[str, pd.DataFrame]]]:
    """Enumerate the checks of a panel, each with an offset that keeps equal values visible."""
    present = [check for check in checks if cells["check"].eq(check).any()]
    left, right = axis.get_xlim()
    for place, check in enumerate(present):
        offset = (place - (len(present) - 1) / 2) * 0.028 * (right - left)
        yield offset, (check, cells[cells["check"] == check])


def _mark_collapse(axis: Axes, line: pd.DataFrame, look: Look) -> None:
    """Mark the collapsed cells of a line, with a dotted line from the cell before."""
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
    """Write the accuracies of the marks at the edge beside them."""
    left, right = axis.get_xlim()
    below = cells[cells["mean"].lt(_edge(axis)) & (cells["collapsed"].gt(0) | cells["partial"].gt(0))]
    for position, marks in below.groupby("position"):
        texts = dict.fromkeys(f"{mean:.3g}" for mean in sorted(marks["mean"]))
        side = 1 if (float(str(position)) - left) < (right - left) / 2 else -1
        place = float(str(position)) + side * 0.09 * (right - left), _edge(axis)
        text = "–".join([next(iter(texts)), *list(texts)[1:][-1:]]) + " %"
        axis.text(*place, text, ha="left" if side > 0 else "right", va="center", fontsize=6.5, color=GREY)
