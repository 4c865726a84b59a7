"""The common look of all figures: sizes, colours, panels, and files that do not change from run to run."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import Any, ParamSpec

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
from prunepipe.labels import dataset_label, network_label

Arguments = ParamSpec("Arguments")

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
"""Okabe and Ito's colours, told apart with every kind of colour vision."""

GREY = "#666666"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "h")

Look = dict[str, Any]
"""Keyword arguments of a matplotlib artist."""

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

PANEL = (1.25, 1.1)
"""Width and height of a panel, in inches: two side by side fill a column of a paper, five its text width."""
LEFT, RIGHT, TOP, BOTTOM = 0.44, 0.08, 0.24, 0.42
GAP, WIDE_GAP = (0.13, 0.2), (0.36, 0.36)
"""Between panels, in inches; wide where every panel has its own axes."""
COLUMN_WIDTH = 3.4
LINE, HANDLE = 0.15, 0.46
"""Height of a line of text, and width of a legend's sample with its gaps, in inches."""
PANEL_CHARACTERS = 23
"""Characters that fit above or beside a panel."""


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function draw in the common look, and leave matplotlib's settings as they were."""

    @wraps(draw)
    def drawing(*arguments: Arguments.args, **named: Arguments.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return draw(*arguments, **named)

    return drawing


def panels(
    rows: Sequence[str],
    columns: Sequence[str],
    legend: Sequence[Artist],
    *,
    share_x: bool = True,
    share_y: bool = True,
) -> tuple[Figure, np.ndarray]:
    """Make a grid of panels with a legend below it.

    Args:
        rows: labels of the y axes, one a row of panels.
        columns: titles, one a column of panels.
        legend: what to explain, each with its label.
        share_x: give a column of panels one x axis.
        share_y: give a row of panels one y axis.
    Returns:
        The figure, and its axes [rows, columns].
    """
    gap = (GAP if share_y else WIDE_GAP)[0], (GAP if share_x else WIDE_GAP)[1]
    left = LEFT + LINE * (1 + max(label.count("\n") for label in rows)) * 0.9
    width = max(COLUMN_WIDTH, left + RIGHT + len(columns) * (PANEL[0] + gap[0]) - gap[0])
    titles = [_wrapped(title) for title in columns]
    top = TOP + LINE * max(title.count("\n") for title in titles)
    entries = _legend_columns([str(artist.get_label()) for artist in legend], width)
    legend_height = LINE * -(-len(legend) // entries)
    height = top + BOTTOM + legend_height + len(rows) * PANEL[1] + (len(rows) - 1) * gap[1]
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    shared: dict[str, Any] = {"sharex": share_x and "col", "sharey": share_y and "row"}
    axes = figure.subplots(len(rows), len(columns), squeeze=False, **shared)
    figure.subplots_adjust(
        left=left / width,
        right=1 - RIGHT / width,
        top=1 - top / height,
        bottom=(BOTTOM + legend_height) / height,
        wspace=gap[0] / PANEL[0],
        hspace=gap[1] / PANEL[1],
    )
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, pad=4)
    for axis, label in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(label)
    if legend:
        figure.legend(
            handles=list(legend), loc="lower center", ncols=entries, borderaxespad=0.2, handlelength=2.2
        )
    return figure, axes


def _wrapped(title: str) -> str:
    """Break a title that is wider than a panel, also after underscores."""
    lines = textwrap.wrap(title.replace("_", "_ "), PANEL_CHARACTERS)
    return "\n".join(lines).replace("_ ", "_")


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Return the largest number of columns with which a legend fits into a width, in inches."""
    font = FontProperties(family=RC["font.family"], size=RC["legend.fontsize"])
    widths = [
        HANDLE + TextToPath().get_text_width_height_descent(label, font, False)[0] / 72 for label in labels
    ]
    for columns in range(len(labels), 1, -1):
        if sum(column.max() for column in np.array_split(widths, columns)) <= width:  # split as legends are
            return columns
    return 1


def sentence(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(COLUMN_WIDTH, 0.8))
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, color=GREY)
    return figure


def save_figure(figure: Figure, *paths: Path | str) -> None:
    """Write a figure, atomically, in the formats that the names end in; equal figures make equal files."""
    for path in paths:
        kind = Path(path).suffix.removeprefix(".")
        with mpl.rc_context(RC), atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, metadata={"Date": None} if kind == "svg" else None)


def place_label(dataset: str, network: str, quantity: str) -> str:
    """Return the label of a row of panels: where, and what is on the y axis."""
    place = f"{dataset_label(dataset)}, {network_label(network)}"
    return (place if len(place) <= PANEL_CHARACTERS else place.replace(", ", "\n")) + f"\n{quantity}"


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name a colour and a marker; the same names in the same order look the same."""
    return {
        name: {"color": colour, "marker": marker}
        for name, colour, marker in zip(names, cycle(COLOURS), _markers(), strict=False)
    }


def _markers() -> Iterable[str]:
    """Repeat the markers, shifted each time, so that a colour meets another one in every round."""
    shift = 0
    while True:
        yield from MARKERS[shift:] + MARKERS[:shift]
        shift += 1


def entry(label: str, **look: Any) -> Line2D:
    """Return a legend entry."""
    return Line2D([], [], label=label, **look)


def ratio_position(prune_ratio: Any) -> Any:
    """Return where a prune ratio stands on the x axis: equal factors of density are equally far apart."""
    return -np.log10(1 - np.asarray(prune_ratio, dtype=float))


def ratio_axis(axes: Iterable[Axes], prune_ratios: Iterable[float]) -> None:
    """Make x axes of prune ratios in percent; labels that would overlap are left out.

    Args:
        axes: one of each group that shares its x axis.
        prune_ratios: of the study.
    """
    ratios = sorted(prune_ratios)
    positions = ratio_position(ratios)
    margin = 0.14 * (np.ptp(positions) or 1.0)
    limits = positions[0] - margin, positions[-1] + margin
    shown = [len(ratios) - 1]
    for place in reversed(range(len(ratios) - 1)):
        if positions[shown[-1]] - positions[place] >= 0.12 * (limits[1] - limits[0]):
            shown.append(place)
    for axis in axes:
        axis.set_xlim(*limits)
        axis.set_xticks(positions[shown], [f"{100 * ratios[place]:.4g}" for place in shown])
        axis.set_xlabel("prune ratio (%)")
        if len(shown) < len(ratios):
            axis.set_xticks(positions, minor=True)
