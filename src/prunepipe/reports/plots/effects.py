"""The main figure: method minus random, and check minus none, with intervals, margin and words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from prunepipe.reports.plots.style import (
    BLUE,
    COLUMN_WIDTH,
    GREEN,
    GREY,
    LINE,
    ORANGE,
    PURPLE,
    VERMILLION,
    Look,
    entry,
    sentence,
    styled,
    text_width,
    wrapped,
)
from prunepipe.results.collected import Collected
from prunepipe.results.labels import check_label, place_text, ratio_label, ticket_label
from prunepipe.study.study import Study
from prunepipe.verdicts.answer import is_ceiling
from prunepipe.verdicts.judge import Judgement, judge

LOOKS: dict[str, Look] = {
    "uses": {"color": BLUE, "marker": "o"},
    "uses little": {"color": BLUE, "marker": "o"},
    "ignores": {"color": VERMILLION, "marker": "s"},
    "improves": {"color": GREEN, "marker": "^"},
    "above": {"color": GREEN, "marker": "^"},
    "level": {"color": ORANGE, "marker": "s"},
    "slightly below": {"color": VERMILLION, "marker": "v"},
    "below": {"color": VERMILLION, "marker": "v"},
    "collapses": {"color": PURPLE, "marker": "X"},
}
OPEN_LOOK: Look = {"color": GREY, "marker": "d"}
SHORT = {"inconclusive": "open", "undecided": "open", "not judged": "–", "slightly below": "below"}
"""Words that are too long for the figure; the caption explains them."""
PARTIAL = "‡"

SECTIONS = ("Method minus random", "Check minus none")
PER_LINE = 2
"""Prune ratios side by side; more wrap into further lines."""
ROW, SECTION, GAP = 0.128, 0.19, 0.08
"""Heights in inches: of a line of text in a row, of a section's title, and between blocks."""
EDGE, SMALL = 0.06, 6.5
LONGEST = 16
"""Characters of a name in a line; longer names wrap."""
FENCE = 1.6
"""The axis reaches this many times the upper quartile of the absolute effects; what is larger ends in an arrow."""


class Effect(NamedTuple):
    """A mean difference in points with its interval (NaN where unknown), and its word."""

    mean: float
    low: float
    high: float
    word: str
    partial: bool
    """Whether a network of the comparison partly collapsed."""

    @property
    def text(self) -> str:
        """The word as the figure shows it."""
        return SHORT.get(self.word, self.word) + (f" {PARTIAL}" if self.partial else "")


class FigureRow(NamedTuple):
    """A line of the figure: two labels and the effect at each prune ratio; a section's title has no effects."""

    method: str
    label: str
    effects: dict[float, Effect]

    @property
    def is_title(self) -> bool:
        """Whether this is the title of a section."""
        return not self.label and not self.effects

    @property
    def height(self) -> float:
        """In inches."""
        lines = 1 + max(text.count("\n") for text in (self.method, self.label))
        return SECTION if self.is_title else ROW * lines + (0.0 if lines == 1 else 0.02)


@styled
def plot_effects(data: Collected, study: Study) -> Figure:
    """Draw every effect of a study: a row per comparison, a column per prune ratio, a block per data set and network.

    A mark is a mean over seeds, a line its interval, a band the margin around zero. All axes share their scale. An
    effect that would stretch it is an arrow at the edge, with its number.

    Args:
        data: its results, which are judged.
        study: the study.
    """
    judgement = judge(data.results, study)
    blocks = {place: rows for place in study.places if (rows := _rows(judgement, place))}
    effects = [effect for rows in blocks.values() for row in rows for effect in row.effects.values()]
    if not any(math.isfinite(effect.mean) for effect in effects):
        return sentence(f"Study {study.name} has no two finished runs to compare.")
    return _Drawing(study, blocks, _limits(effects, study.verdict.margin), _ceilings(judgement)).figure


def _rows(judgement: Judgement, place: tuple[str, str]) -> list[FigureRow]:
    """Return the rows of a data set and network: methods against random tickets, then checks by method."""
    names = ("difference", "interval_low", "interval_high", "word")
    found = _at(judgement.against_random.to_dict("records"), place)
    random = [
        FigureRow(wrapped(ticket_label(ticket), LONGEST), "", _effects(own, names))
        for (ticket,), own in found.items()
    ]
    names = ("effect", "interval_low", "interval_high", "verdict")
    checks = _at(judgement.verdicts.to_dict("records"), place, "check")
    rows, before = [], ""
    for (ticket, check), own in checks.items():
        method = "" if ticket == before else wrapped(ticket_label(ticket), LONGEST)
        rows.append(FigureRow(method, wrapped(check_label(check), LONGEST), _effects(own, names)))
        before = ticket
    parts = zip(SECTIONS, (random, rows), strict=True)
    return [row for title, own in parts if own for row in (FigureRow(title, "", {}), *own)]


def _at(
    records: Iterable[Mapping[Any, Any]], place: tuple[str, str], *keys: str
) -> dict[tuple[str, ...], list[Mapping[Any, Any]]]:
    """Group the records of a place by ticket and further keys."""
    groups: dict[tuple[str, ...], list[Mapping[Any, Any]]] = {}
    for row in records:
        if (row["dataset"], row["network"]) == place:
            groups.setdefault((row["ticket"], *(row[key] for key in keys)), []).append(row)
    return groups


def _effects(rows: Iterable[Mapping[Any, Any]], names: Sequence[str]) -> dict[float, Effect]:
    found = {}
    for row in rows:
        mean, low, high, word = (row[name] for name in names)
        partial = bool(row["partial"] or row["partial_reference"])
        found[row["prune_ratio"]] = Effect(mean, low, high, word, partial)
    return found


def _ceilings(judgement: Judgement) -> set[tuple[str, str, float]]:
    rows = judgement.against_random.to_dict("records")
    return {(row["dataset"], row["network"], row["prune_ratio"]) for row in rows if is_ceiling(row)}


def _limits(effects: list[Effect], margin: float) -> tuple[float, float]:
    """Return the limits of all axes: the margin twice, and what is not far beyond the typical effect."""
    means = np.array([effect.mean for effect in effects])
    means = means[np.isfinite(means)]
    cap = max(2 * margin, FENCE * float(np.quantile(np.abs(means), 0.75)))
    ends = np.array([[effect.low, effect.high] for effect in effects]).ravel()
    shown = np.concatenate([means, ends[np.isfinite(ends)], [-2 * margin, 2 * margin]])
    shown = np.clip(shown, -cap, cap)
    pad = 0.06 * float(np.ptp(shown))
    return float(shown.min()) - pad, float(shown.max()) + pad


class _Drawing:
    """Draws the figure; positions and sizes are in inches."""

    def __init__(
        self,
        study: Study,
        blocks: dict[tuple[str, str], list[FigureRow]],
        limits: tuple[float, float],
        ceilings: set[tuple[str, str, float]],
    ) -> None:
        self.study, self.limits, self.ceilings = study, limits, ceilings
        labels = [row for rows in blocks.values() for row in rows if not row.is_title]
        widths = [
            max(text_width(text, SMALL) for text in texts)
            for texts in ([row.method for row in labels], [row.label for row in labels])
        ]
        self.label = EDGE + widths[0] + 0.09
        shown = [effect for row in labels for effect in row.effects.values()]
        self.word = 0.1 + max(text_width(text, SMALL) for text in {effect.text for effect in shown})
        self.partial = any(effect.partial for effect in shown)
        self.left = max(self.label + widths[1] + 0.06, EDGE + text_width(SECTIONS[0], SMALL) + 0.06)
        lines = [study.prune_ratios[k : k + PER_LINE] for k in range(0, len(study.prune_ratios), PER_LINE)]
        self.across = max(map(len, lines))
        self.several = len(blocks) > 1
        self.head = 0.2 + (0.17 if self.several else 0.0)
        heights = [
            sum(row.height for row in rows) + self.head + 0.16 for rows in blocks.values() for _ in lines
        ]
        artists = self._legend_entries()
        below = LINE * -(-len(artists) // PER_LINE)
        self.height = sum(heights) + GAP * (len(heights) - 1) + 0.16 + below
        self.figure = Figure(figsize=(COLUMN_WIDTH, self.height))
        FigureCanvasAgg(self.figure)
        top = self.height
        for place, rows in blocks.items():
            for line in lines:
                top = self._block(place, rows, line, top) - GAP
        self._legend(artists, below)

    def _block(
        self, place: tuple[str, str], rows: list[FigureRow], ratios: Sequence[float], top: float
    ) -> float:
        """Draw a block below a height; return the height at which it ends."""
        if self.several:
            self._text(EDGE, top - 0.1, place_text(*place), va="center", weight="bold")
        top -= self.head
        self._labels(rows, top)
        width = (COLUMN_WIDTH - self.left - EDGE / 2) / self.across
        height = sum(row.height for row in rows)
        for column, ratio in enumerate(ratios):
            box = self.left + column * width, top - height, width - self.word, height
            axis = self.figure.add_axes(self._relative(box))
            axis.set(xlim=self.limits, ylim=(height, 0.0), yticks=[])
            axis.spines["left"].set_visible(False)
            ceiling = " *" if (*place, ratio) in self.ceilings else ""
            axis.set_title(f"{ratio_label(ratio)} pruned{ceiling}", pad=3, fontsize=7)
            axis.xaxis.set_major_locator(MaxNLocator(4 if self.across == 1 else 2, integer=True))
            axis.tick_params(axis="x", pad=1.5, length=2)
            self._fill(axis, rows, ratio)
        return top - height - 0.16

    def _labels(self, rows: list[FigureRow], top: float) -> None:
        for row in rows:
            middle = top - row.height / 2
            if row.is_title:
                self._text(EDGE, middle - 0.02, row.method, va="center", style="italic", color=GREY)
            else:
                self._text(EDGE, middle, row.method, va="center", linespacing=0.95)
                self._text(self.label, middle, row.label, va="center", linespacing=0.95)
            top -= row.height

    def _fill(self, axis: Axes, rows: list[FigureRow], ratio: float) -> None:
        margin = self.study.verdict.margin
        axis.grid(False)
        axis.axvspan(-margin, margin, color="#E6E6E6", linewidth=0)
        axis.axvline(0.0, color=GREY, linewidth=0.6)
        y = 0.0
        for row in rows:
            if ratio in row.effects:
                _draw(axis, row.effects[ratio], y + row.height / 2)
            y += row.height

    def _legend_entries(self) -> list[Artist]:
        margin = self.study.verdict.margin
        level = 100 * (1 - 2 * self.study.verdict.significance)
        artists: list[Artist] = [
            entry(f"mean and {level:g} % interval", color=GREY, marker="d", linewidth=1.0),
            Patch(color="#E6E6E6", label=f"margin, ±{margin:g}"),
        ]
        if self.ceilings:
            artists.append(entry("* ceiling", linestyle="none"))
        if self.partial:
            artists.append(entry(f"{PARTIAL} partial collapse", linestyle="none"))
        return artists

    def _legend(self, artists: list[Artist], below: float) -> None:
        """Draw the label of the axes and the legend, which needs so much height."""
        self.figure.text(
            (self.left + COLUMN_WIDTH) / 2 / COLUMN_WIDTH,
            (below + 0.1) / self.height,
            "difference in accuracy (points)",
            ha="center",
            va="center",
            fontsize=7,
        )
        place: Look = {"loc": "lower center", "ncols": PER_LINE, "borderaxespad": 0.1, "handlelength": 1.8}
        self.figure.legend(handles=artists, columnspacing=1.2, **place)

    def _text(self, x: float, y: float, text: str, **look: Any) -> None:
        if text:
            self.figure.text(x / COLUMN_WIDTH, y / self.height, text, fontsize=SMALL, **look)

    def _relative(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x, y, width, height = box
        return x / COLUMN_WIDTH, y / self.height, width / COLUMN_WIDTH, height / self.height


def _draw(axis: Axes, effect: Effect, y: float) -> None:
    """Draw a mark, its interval and its word; an effect beyond the axis is an arrow with its number."""
    look = LOOKS.get(effect.word, OPEN_LOOK)
    low, high = axis.get_xlim()
    words: Look = {"fontsize": SMALL, "va": "center", "color": look["color"]}
    axis.text(1.0, y, f" {effect.text}", transform=axis.get_yaxis_transform(), **words)
    if not math.isfinite(effect.mean):
        return
    if not low <= effect.mean <= high:
        left = effect.mean < low
        edge, marker = (low, CARETLEFT) if left else (high, CARETRIGHT)
        axis.plot(edge, y, color=look["color"], marker=marker, markersize=4, clip_on=False)
        place = edge + (0.09 if left else -0.09) * (high - low)
        number = f"{effect.mean:+.0f}".replace("-", "−")
        axis.text(place, y, number, ha="left" if left else "right", **words)
        return
    if math.isfinite(effect.low) and math.isfinite(effect.high):
        _draw_interval(axis, effect, y, look)
    hollow = {"markerfacecolor": "white"} if effect.word in ("uses little", "slightly below") else {}
    axis.plot(effect.mean, y, markersize=3.2, **{**look, **hollow})


def _draw_interval(axis: Axes, effect: Effect, y: float, look: Look) -> None:
    """Draw an interval; ends beyond the axis are arrows."""
    low, high = axis.get_xlim()
    axis.hlines(y, max(effect.low, low), min(effect.high, high), color=look["color"], linewidth=1.0)
    for beyond, edge, marker in (
        (effect.low < low, low, CARETLEFT),
        (effect.high > high, high, CARETRIGHT),
    ):
        if beyond:
            axis.plot(edge, y, color=look["color"], marker=marker, markersize=2.5, clip_on=False)
