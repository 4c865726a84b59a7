"""Test accuracy over the epochs of training."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prunepipe.reports.plots.style import DENSE_LOOK, entry, line_looks, panels, place_label, sentence, styled
from prunepipe.results.collected import Collected
from prunepipe.results.labels import ratio_label, ticket_label
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study

PLACE = ["dataset", "network", "ticket", "prune_ratio"]


@styled
def plot_training_curves(data: Collected, study: Study) -> Figure:
    """Draw the test accuracy of unchecked tickets over epochs: one line per ticket, one column per prune ratio.

    Lines are means over seeds, bands one sample standard deviation. Collapsed tickets are not trained and have no
    curve. The y axes, shared by a row, cover the second half of training, where methods differ.

    Args:
        data: its histories.
        study: the study whose tickets are drawn.
    """
    curves = mean_curves(data)
    if not curves:
        return sentence(f"Study {study.name} has no training history yet.")
    ticket_looks = line_looks(study.tickets)
    legend = [entry(ticket_label(ticket), **look) for ticket, look in ticket_looks.items()]
    figure, axes, bottom = panels(
        [place_label(*place, "test accuracy (%)") for place in study.places],
        [ratio_label(ratio) + " pruned" for ratio in study.prune_ratios],
        [*legend, entry("full network", **DENSE_LOOK)],
    )
    for row, place in zip(axes, study.places, strict=True):
        for axis, ratio in zip(row, study.prune_ratios, strict=True):
            _draw(axis, curves.get((*place, FULL_NETWORK, 0.0)), **DENSE_LOOK)
            for ticket, look in ticket_looks.items():
                _draw(axis, curves.get((*place, ticket, ratio)), **{"linewidth": 0.9, **look})
        row[0].set_ylim(*_limits([curve for key, curve in curves.items() if key[:2] == place]))
    for axis in bottom:
        axis.set_xlabel("epoch")
    for axis in axes[0]:
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _limits(curves: list[pd.DataFrame]) -> tuple[float, float]:
    """Return limits that hold the second half of all curves."""
    ends = [curve["mean"][curve.index >= curve.index.max() / 2] for curve in curves]
    if not ends:
        return 0.0, 100.0
    low, high = min(end.min() for end in ends), max(end.max() for end in ends)
    pad = max(0.06 * (high - low), 0.5)
    return float(low - pad), float(high + pad)


def mean_curves(data: Collected) -> dict[Any, pd.DataFrame]:
    """Return mean and std of the test accuracy over seeds, by epoch, for each place and unchecked ticket.

    Args:
        data: results and histories are read.
    Returns:
        (dataset, network, ticket, prune_ratio) -> frame of mean and std in percent, indexed by epoch.
    """
    if "test_accuracy" not in data.histories:
        return {}
    runs = data.results.loc[data.results["check"] == NO_CHECK, ["run", *PLACE]]
    measured = data.histories[["run", "epoch", "test_accuracy"]].dropna()
    rows = measured.merge(runs, on="run")
    curves = rows.groupby([*PLACE, "epoch"])["test_accuracy"].agg(["mean", "std"]).reset_index("epoch")
    return {key: own.set_index("epoch") for key, own in curves.groupby(level=[0, 1, 2, 3])}


def _draw(axis: Axes, curve: pd.DataFrame | None, **look: Any) -> None:
    if curve is None:
        return
    spread = curve["std"].fillna(0.0)  # one seed: no band
    alone = "." if len(curve) == 1 else None  # measured after the last epoch only: a line would not be seen
    axis.plot(curve.index, curve["mean"], marker=alone, **look)
    band = curve["mean"] - spread, curve["mean"] + spread
    axis.fill_between(curve.index, *band, color=look["color"], alpha=0.15, linewidth=0)
