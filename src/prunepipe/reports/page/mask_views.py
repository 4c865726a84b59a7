"""Masks as the page shows them: how much each layer keeps, and how much masks overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from prunepipe.reports.page.formats import known, number, share, sort_key
from prunepipe.reports.plots.keep_ratios import layer_densities
from prunepipe.results.collected import Collected
from prunepipe.results.labels import check_label, place_text, ratio_label, ticket_label
from prunepipe.study.study import Study

LEVELS = 9
"""Shades of the heat strips, in addition to the one for empty layers."""
DARKEST_DECADES = 3.0
"""The scale of shades covers densities from 1 down to a thousandth."""
KINDS = {"data": "other data, same seed", "seeds": "other seed, same data"}


def heat_strips(data: Collected, study: Study) -> list[dict[str, Any]]:
    """Return one table per data set, network and prune ratio: a row per method, a column per layer.

    Args:
        data: its results and layers; densities are means over the seeds of unchecked tickets.
        study: gives the order of the tickets.
    """
    densities = layer_densities(data)
    if densities.empty:
        return []
    names = _layer_names(data)
    found: dict[Any, Any] = dict(list(densities["density"].groupby(level=[0, 1, 2])))
    places = [(*place, ratio) for place in study.places for ratio in study.prune_ratios]
    return [_strip(place, found[place], names, study) for place in places if place in found]


def _strip(place: Any, densities: Any, names: dict[tuple[Any, ...], str], study: Study) -> dict[str, Any]:
    dataset, network, ratio = place
    table = densities.droplevel([0, 1, 2]).unstack("ticket")
    return {
        "place": place_text(dataset, network),
        "ratio": ratio_label(ratio),
        "layers": [(int(position), names[dataset, network, position]) for position in table.index],
        "rows": [
            {
                "method": ticket_label(ticket),
                "cells": [{"text": share(density), "level": level(density)} for density in table[ticket]],
            }
            for ticket in study.tickets
            if ticket in table
        ],
    }


def _layer_names(data: Collected) -> dict[tuple[Any, ...], str]:
    """Return the name of the layer at each (data set, network, position)."""
    runs = data.results[["run", "dataset", "network"]]
    rows = data.layers[["run", "position", "layer"]].merge(runs, on="run")
    rows = rows.drop_duplicates(["dataset", "network", "position"])
    keys = zip(rows["dataset"], rows["network"], rows["position"], strict=True)
    return {key: str(name).removesuffix(".weight") for key, name in zip(keys, rows["layer"], strict=True)}


def level(density: Any) -> str:
    """Return the shade of a density: "none" for 0, else 1 to LEVELS on a logarithmic scale."""
    if not known(density):
        return "unknown"
    if density <= 0:
        return "none"
    height = 1 + math.log10(min(density, 1.0)) / DARKEST_DECADES
    return str(1 + round((LEVELS - 1) * max(height, 0.0)))


def overlap_rows(overlap: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the overlap of masks: one dictionary per ticket, prune ratio and kind of comparison.

    Args:
        overlap: from prunepipe.results.mask_overlap.mask_overlaps; means are over pairs for which both masks exist.
    """
    if overlap.empty:
        return []
    keys = ["dataset", "network", "ticket", "prune_ratio", "kind", "other_source"]
    groups: Iterable[tuple[Any, pd.DataFrame]] = overlap.groupby(keys, sort=False)
    return [_overlap(key, own) for key, own in groups]


def _overlap(key: Any, own: pd.DataFrame) -> dict[str, Any]:
    dataset, network, ticket, ratio, kind, other = key
    found = float(own["jaccard"].mean())
    chance = float(own["expected_by_chance"].mean())
    pairs = int(own["jaccard"].notna().sum())
    against = KINDS.get(kind, str(kind))
    return {
        "method": ticket_label(ticket),
        "place": place_text(dataset, network),
        "ratio": ratio_label(ratio),
        "ratio_key": sort_key(ratio),
        "against": against + (f" ({check_label(other)})" if kind == "data" else ""),
        "found": number(found, 3),
        "found_key": sort_key(found),
        "chance": number(chance, 3),
        "chance_key": sort_key(chance),
        "excess": number(found / chance, 2) + " ×" if known(found) and chance > 0 else number(None),
        "excess_key": sort_key(found / chance) if known(found) and chance > 0 else "",
        "pairs": f"{pairs} of {len(own)}",
        "pairs_key": sort_key(pairs),
    }
