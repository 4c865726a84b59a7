"""The common style of all figures: sizes, colours, panels, and reproducible files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import cycle, product
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from prunepipe.artifacts import atomic_path
from prunepipe.results.labels import place_text

Arguments = ParamSpec("Arguments")

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
"""Okabe and Ito's colours, which people with any kind of colour vision can tell apart."""

WINE, OLIVE, INDIGO = "#882255", "#999933", "#332288"
"""From Tol's muted colours, for methods beyond the seventh."""

GREY = "#666666"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, WINE, OLIVE, INDIGO)
MARKERS = ("o", "s", "^", "D", "v", "P", "h", "<", ">", "p")
DASHES: tuple[Any, ...] = ("-", (0, (3, 1.2)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)))

Look = dict[str, Any]
"""Keyword arguments of a matplotlib artist."""

DENSE_LOOK: Look = {"color": GREY, "linestyle": (0, (5, 2)), "linewidth": 0.9}
"""The full network looks the same in every figure."""

RC: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures are the same everywhere
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "xtick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "legend.frameon": False,
    "svg.hashsalt": "prunepipe",  # else the ids in the file are random
    "savefig.dpi": 200,
}

COLUMN_WIDTH, PANEL_HEIGHT = 3.4, 0.95
"""In inches. Every figure is as wide as a column of a paper, so that its text is printed at the size given here."""
PER_LINE = 2
"""Panels side by side in a column; more wrap into further lines."""
LEFT, RIGHT, TOP, BOTTOM = 0.44, 0.08, 0.24, 0.42
GAP, WIDE_GAP = (0.13, 0.1), (0.4, 0.22)
"""Between panels, in inches; wide where every panel has its own axes."""
LINE, HANDLE = 0.15, 0.46
"""Height of a line of text, and width of a legend's sample with its gaps, in inches."""
LEGEND_CHARACTERS = 50
PANEL_CHARACTERS = 23
"""Characters that fit above or beside a panel."""


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Make a function draw in the common style, without changing matplotlib's settings."""

    @wraps(draw)
    def drawing(*arguments: Arguments.args, **named: Arguments.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return draw(*arguments, **named)

    return drawing


class Panels(NamedTuple):
    """A figure of panels, which may wrap into several lines."""

    figure: Figure
    axes: np.ndarray
    """[rows, columns]"""
    bottom: list[Axes]
    """Those with no panel below: they carry the labels of the x axes."""


def panels(
    rows: Sequence[str],
    columns: Sequence[str],
    legend: Sequence[Artist],
    *,
    share_x: bool = True,
    share_y: bool = True,
) -> Panels:
    """Make a grid of panels, as wide as a column of a paper, with a legend below it.

    Args:
        rows: labels of the y axes, one per row of panels; a row takes several lines if it has many columns.
        columns: titles, one per column of panels.
        legend: artists with labels.
        share_x: whether the panels of a column share their x axis.
        share_y: whether the panels of a row share their y axis.
    """
    across = min(PER_LINE, len(columns))
    lines_a_row = -(-len(columns) // across)
    lines = lines_a_row * len(rows)
    titles = [wrapped(title, PANEL_CHARACTERS) for title in columns]
    title = TOP + LINE * max(text.count("\n") for text in titles)
    gap_x = (GAP if share_y else WIDE_GAP)[0]
    gap_y = (GAP if share_x else WIDE_GAP)[1] + (title if lines_a_row > 1 else 0.0)
    left = LEFT + LINE * (1 + max(label.count("\n") for label in rows)) * 0.9
    labels = [textwrap.fill(str(artist.get_label()), LEGEND_CHARACTERS) for artist in legend]
    entries = _legend_columns(labels, COLUMN_WIDTH)
    below = BOTTOM + LINE * _lines(labels, entries)
    size = (COLUMN_WIDTH - left - RIGHT - (across - 1) * gap_x) / across, PANEL_HEIGHT
    height = title + below + lines * PANEL_HEIGHT + (lines - 1) * gap_y
    figure = Figure(figsize=(COLUMN_WIDTH, height))
    FigureCanvasAgg(figure)
    axes = np.empty((len(rows), len(columns)), dtype=object)
    bottom = []
    for row, column in np.ndindex(axes.shape):
        line, place = row * lines_a_row + column // across, column % across
        corner = left + place * (size[0] + gap_x), below + (lines - 1 - line) * (PANEL_HEIGHT + gap_y)
        box = corner[0] / COLUMN_WIDTH, corner[1] / height, size[0] / COLUMN_WIDTH, size[1] / height
        shared_x = axes[0, column] if share_x and row else None
        shared_y = axes[row, 0] if share_y and column else None
        axis = axes[row, column] = figure.add_axes(box, sharex=shared_x, sharey=shared_y)
        lowest = row == len(rows) - 1 and column + across >= len(columns)
        bottom += [axis] if lowest else []
        axis.tick_params(labelbottom=lowest or not share_x, labelleft=place == 0 or not share_y)
        axis.set_title(titles[column] if row == 0 or lines_a_row > 1 else "", pad=4)
        axis.set_ylabel("" if place else rows[row])
    if legend:
        place = {"loc": "lower center", "ncols": entries, "borderaxespad": 0.2, "handlelength": 2.2}
        figure.legend(list(legend), labels, **place)
    return Panels(figure, axes, bottom)


def wrapped(name: str, width: int) -> str:
    """Break a name that has more than `width` characters into lines, also after underscores."""
    return "\n".join(textwrap.wrap(name.replace("_", "_ "), width)).replace("_ ", "_")


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Return the largest number of columns with which a legend fits into a width, in inches."""
    widths = [HANDLE + text_width(label, RC["legend.fontsize"]) for label in labels]
    for columns in range(len(labels), 1, -1):
        if sum(column.max() for column in np.array_split(widths, columns)) <= width:  # split as legends are
            return columns
    return 1


def text_width(text: str, size: float) -> float:
    """Return the width of a text of one or more lines in inches.

    Args:
        text: the text.
        size: of the font, in points.
    """
    font = FontProperties(family=RC["font.family"], size=size)
    lines = [line for line in text.split("\n") if line]
    widths = [TextToPath().get_text_width_height_descent(line, font, False)[0] / 72 for line in lines]
    return max(widths, default=0.0)


def _lines(labels: Sequence[str], columns: int) -> int:
    """Return the lines of text in the longest column of a legend, which fills its columns one after the other."""
    lines = [1 + label.count("\n") for label in labels] or [0]
    return max(int(column.sum()) for column in np.array_split(lines, columns))


def sentence(text: str) -> Figure:
    """Return a figure that consists of a sentence: why there is nothing to draw."""
    figure = Figure(figsize=(COLUMN_WIDTH, 0.8))
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, color=GREY)
    return figure


def save_figure(figure: Figure, *paths: Path | str) -> None:
    """Write a figure atomically, in the formats given by the file names; equal figures give equal files."""
    for path in paths:
        kind = Path(path).suffix.removeprefix(".")
        with mpl.rc_context(RC), atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, metadata={"Date": None} if kind == "svg" else None)


def place_label(dataset: str, network: str, quantity: str) -> str:
    """Return the label of a row of panels: the place, and the quantity on the y axis."""
    place = place_text(dataset, network)
    return (place if len(place) <= PANEL_CHARACTERS else place.replace(", ", "\n")) + f"\n{quantity}"


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name a colour and a marker, which depend only on its position."""
    return {
        name: {"color": colour, "marker": marker}
        for name, colour, marker in zip(names, cycle(COLOURS), _markers(), strict=False)
    }


def line_looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name a colour and a line style, for lines without markers; unique for up to 40 names."""
    rounds = product(DASHES, COLOURS)
    return {
        name: {"color": colour, "linestyle": dashes}
        for name, (dashes, colour) in zip(names, cycle(rounds), strict=False)
    }


def _markers() -> Iterable[str]:
    """Repeat the markers, shifted in every round so that a colour is combined with another marker."""
    shift = 0
    while True:
        yield from MARKERS[shift:] + MARKERS[:shift]
        shift += 1


def entry(label: str, **look: Any) -> Line2D:
    """Return a legend entry."""
    return Line2D([], [], label=label, **look)


def ratio_position(prune_ratio: Any) -> Any:
    """Return the position of a prune ratio on the x axis, which is logarithmic in the density."""
    return -np.log10(1 - np.asarray(prune_ratio, dtype=float))


def ratio_axis(panels: Panels, prune_ratios: Iterable[float]) -> None:
    """Set up x axes of prune ratios in percent, without labels that would overlap."""
    ratios = sorted(prune_ratios)
    positions = ratio_position(ratios)
    margin = 0.14 * (np.ptp(positions) or 1.0)
    limits = positions[0] - margin, positions[-1] + margin
    shown = [len(ratios) - 1]
    for place in reversed(range(len(ratios) - 1)):
        if positions[shown[-1]] - positions[place] >= 0.12 * (limits[1] - limits[0]):
            shown.append(place)
    for axis in panels.axes[0]:
        axis.set_xlim(*limits)
        axis.set_xticks(positions[shown], [f"{100 * ratios[place]:.4g}" for place in shown])
        if len(shown) < len(ratios):
            axis.set_xticks(positions, minor=True)
    for axis in panels.bottom:
        axis.set_xlabel("prune ratio (%)")
