"""Density of each layer, beside allocations that depend only on the shapes of the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from prunepipe.errors import ConfigError
from prunepipe.networks.structure import Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total
from prunepipe.reports.plots.style import GREY, RC, Look, entry, looks, panels, place_label, sentence, styled
from prunepipe.results.collected import Collected
from prunepipe.results.labels import ratio_label, ticket_label
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import Study

REFERENCES: dict[str, Look] = {
    "smart": {"color": "#BBBBBB", "linewidth": 3.5},
    "uniform": {"color": "#BBBBBB", "linestyle": (0, (1.2, 0.6)), "linewidth": 3.5},
    "erk": {"color": "#BBBBBB", "linestyle": (0, (0.3, 0.5)), "linewidth": 3.5},
}
"""Allocations to compare with; their lines are wide because tickets lie on them."""
REFERENCE_LABELS = {"smart": "smart ratio", "uniform": "uniform", "erk": "ERK"}
EMPTY_LOOK: Look = {"marker": "X", "markersize": 4.5, "linestyle": "none"}


@styled
def plot_keep_ratios(data: Collected, study: Study) -> Figure:
    """Draw the density of every layer: rows of panels are data sets and networks, columns prune ratios.

    A line is the mean over seeds of a ticket without a check; tickets that keep the same counts share one.
    Layers that keep nothing are crosses at the lower edge, which no logarithmic axis can show.

    Args:
        data: its layers and structures.
        study: the study whose tickets are drawn.
    """
    densities = layer_densities(data)
    if densities.empty:
        return sentence(f"Study {study.name} has no mask yet, so there are no densities to show.")
    groups = alike(densities, list(study.tickets))
    ticket_looks = looks(groups)
    legend = [entry(label, **ticket_looks[label]) for label in groups]
    legend += [entry(REFERENCE_LABELS[name], **look) for name, look in REFERENCES.items()]
    if densities["density"].eq(0).any():
        legend.append(entry("keeps nothing", color=GREY, **EMPTY_LOOK))
    labels = [place_label(*place, "weights kept (%)") for place in study.places]
    titles = [ratio_label(ratio) + " pruned" for ratio in study.prune_ratios]
    figure, axes, bottom = panels(labels, titles, legend, share_x=False)  # networks differ in their layers
    curves = _curves(densities)
    lowest = densities.loc[densities["density"] > 0, "density"].min() / 3
    for row, place in zip(axes, study.places, strict=True):
        for axis, ratio in zip(row, study.prune_ratios, strict=True):
            axis.set_yscale("log")
            axis.set_ylim(lowest, 1.6)
            axis.yaxis.set_major_formatter(lambda density, _: f"{100 * density:g}")
            _draw_references(axis, data.structures.get(place), ratio)
            drawn = [label for label, ticket in groups.items() if (*place, ratio, ticket) in curves]
            for label in drawn:
                _draw_ticket(axis, curves[*place, ratio, groups[label]], ticket_looks[label])
    for axis in axes.flat:
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    lowest_edge = min(axis.get_position().y0 for axis in bottom) * figure.get_figheight()
    height = (lowest_edge - 0.27) / figure.get_figheight()
    figure.text(0.5, height, _layer_axis(data), ha="center", va="center", fontsize=RC["axes.labelsize"])
    return figure


def _layer_axis(data: Collected) -> str:
    """Return the label that the x axes share: with the names of the first and last layer if all networks share them."""
    ends = {
        (structure.layers[0].name, len(structure.layers), structure.layers[-1].name)
        for structure in data.structures.values()
    }
    if len(ends) != 1:
        return "layer, from input to output"
    ((first, count, last),) = ends
    return f"layer (1: {first.removesuffix('.weight')}, {count}: {last.removesuffix('.weight')})"


def layer_densities(data: Collected) -> pd.DataFrame:
    """Return the mean density over seeds of every layer of the unchecked tickets.

    Returns:
        Column `density`, indexed by dataset, network, prune_ratio, ticket and position of the layer.
    """
    runs = data.results.loc[
        data.results["check"] == NO_CHECK, ["run", "dataset", "network", "prune_ratio", "ticket"]
    ]
    if data.layers.empty:
        return pd.DataFrame({"density": []})
    layers = data.layers.merge(runs, on="run").assign(density=lambda rows: rows["kept"] / rows["size"])
    return layers.groupby(["dataset", "network", "prune_ratio", "ticket", "position"])[["density"]].mean()


def _curves(densities: pd.DataFrame) -> dict[Any, pd.Series[float]]:
    """Return the densities by position of the layer, for each (dataset, network, prune_ratio, ticket)."""
    rows = densities["density"].reset_index("position")
    return {key: own.set_index("position")["density"] for key, own in rows.groupby(level=[0, 1, 2, 3])}


def alike(densities: pd.DataFrame, tickets: list[str]) -> dict[str, str]:
    """Group tickets that keep the same share of every layer.

    Args:
        densities: from layer_densities.
        tickets: their order.
    Returns:
        One entry per group: the label that names all its tickets -> one of them.
    """
    table = densities["density"].unstack("ticket")
    groups: list[list[str]] = []
    for ticket in (ticket for ticket in tickets if ticket in table):
        twin = next((group for group in groups if np.array_equal(table[group[0]], table[ticket], True)), None)
        groups.append([ticket]) if twin is None else twin.append(ticket)
    return {", ".join(ticket_label(ticket) for ticket in group): group[0] for group in groups}


def reference_densities(allocation: str, structure: Structure, prune_ratio: float) -> np.ndarray | None:
    """Return the density [layers] that an allocation gives, or None where it has no budget.

    Args:
        allocation: a built-in one that reads no scores.
        structure: layers of the network.
        prune_ratio: share of all weights removed.
    """
    total = kept_total(structure.size, prune_ratio)
    try:
        kept = load_function(ALLOCATIONS[allocation].function)({}, structure, total)
    except ConfigError:
        return None
    return np.array([kept[layer.name] / layer.size for layer in structure.layers])


def _draw_references(axis: Axes, structure: Structure | None, ratio: float) -> None:
    if structure is None:
        return
    for name, look in REFERENCES.items():
        densities = reference_densities(name, structure, ratio)
        if densities is None:
            axis.text(
                0.03, 0.03, f"no budget for {REFERENCE_LABELS[name]}", transform=axis.transAxes, fontsize=6.5
            )
        else:
            axis.plot(range(1, len(densities) + 1), densities, **look)


def _draw_ticket(axis: Axes, densities: pd.Series[float], look: Look) -> None:
    """Draw densities that are indexed by the position of the layer."""
    kept = densities.where(densities > 0)
    axis.plot(kept.index, kept, **{**look, "markersize": 2.4, "linewidth": 0.9})
    empty = densities.index[densities == 0]
    axis.plot(empty, [axis.get_ylim()[0] * 1.4] * len(empty), color=look["color"], **EMPTY_LOOK)
