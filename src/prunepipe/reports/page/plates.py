"""The figures as the page shows them: embedded, with a size, a caption and an alternative text."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from prunepipe.reports.plots import figures_of
from prunepipe.study.study import Study

PIXELS_PER_POINT = 1.75
"""Figures are drawn for print with text of 7 points; on a screen it should be about 12 pixels high."""

CAPTIONS = {
    "effects": (
        "Effects",
        "Method minus random, and check minus none, in points of accuracy: mean over seeds with its interval, and the "
        "margin around zero. Words: see the verdicts; open: not decided yet. An arrow at the edge leads to an effect "
        "beyond the axis, whose number is given, or to the end of an interval.",
    ),
    "initial_checks": (
        "Checks of initial tickets",
        "Test accuracy over prune ratios, with and without each check. A method that uses the data and the exact "
        "connections falls below its unchecked line. Bars are 95 % intervals; of two seeds they join the two. Tickets "
        "without checks are not shown; cells far below the axis are marks at its edge, with their accuracy.",
    ),
    "partial_checks": (
        "Checks of partially trained tickets",
        "Test accuracy over prune ratios, with and without each check. Bars are 95 % intervals; of two seeds they join "
        "the two. Tickets without checks are not shown; cells far below the axis are marks at its edge, with their "
        "accuracy.",
    ),
    "keep_ratios": (
        "Density by layer",
        "Share of the weights that each layer keeps, from input to output, beside allocations that depend only on "
        "the shapes of the layers. Means over seeds of masks without a check; the tables under Masks name every layer "
        "and give the numbers.",
    ),
    "overlap": (
        "Overlap of masks",
        "Overlap of masks, beside the overlap expected by chance of masks with the same counts per layer. The table "
        "under Masks gives the numbers.",
    ),
    "training_curves": (
        "Training curves",
        "Test accuracy of unchecked tickets over the epochs of training: means over seeds with a band of one standard "
        "deviation. The axis covers the second half of training; lower accuracies of the first epochs are cut off. "
        "Collapsed tickets are not trained and have no curve. Each cell's own curves are under Runs.",
    ),
    "paper_against_ours": (
        "The paper's accuracies and ours",
        "Published means against ours, cell by cell; on the diagonal they agree.",
    ),
}
"""Title and caption of each figure; the caption is also its alternative text."""


def plates(figures: Mapping[str, str], study: Study) -> list[dict[str, Any]]:
    """Return the figures of a study in order; one that is not drawn yet has no `source`.

    Args:
        figures: SVG text by name.
        study: defines which figures there should be.
    """
    return [_plate(name, figures.get(name)) for name in figures_of(study)]


def _plate(name: str, svg: str | None) -> dict[str, Any]:
    title, caption = CAPTIONS[name]
    plate = {"name": name, "title": title, "caption": caption, "source": None}
    if svg is None:
        return plate
    # An image, not inline markup: ids of two figures cannot clash, and nothing in a figure can run.
    encoded = base64.b64encode(slim(svg).encode("utf-8")).decode("ascii")
    return {**plate, "source": "data:image/svg+xml;base64," + encoded, **_size(svg)}


def slim(svg: str) -> str:
    """Return an SVG without metadata, comments and indentation."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    return re.sub(r">\s+<", "><", svg)


def _size(svg: str) -> dict[str, int]:
    """Return width and height in CSS pixels, from the view box."""
    sides = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0]
    width, height = (round(float(side) * PIXELS_PER_POINT) for side in sides)
    return {"width": width, "height": height}
