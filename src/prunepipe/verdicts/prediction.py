"""Does accuracy before retraining predict accuracy after it? Rank correlations over the cells of a method."""

from __future__ import annotations

from math import atanh, sqrt, tanh

import numpy as np
import pandas as pd
from scipy.special import ndtri

from prunepipe.verdicts.looks import Floats

PLACE = ["dataset", "network", "ticket"]
BEFORE = {"accuracy_before": 1.0, "loss_before": -1.0}
"""Columns of the results, each with the sign that makes larger values better."""

CONFIDENCE = 0.95
"""Level of the intervals."""

FEWEST = 6
"""With fewer cells there is no correlation."""


def predictions(results: pd.DataFrame) -> pd.DataFrame:
    """Correlate accuracy and loss before retraining with the accuracy after it.

    Ranks are taken within each prune ratio; otherwise two cells would be alike only because both keep many weights.
    Collapsed tickets, which are not trained, and runs without a record of the state before are left out.

    Args:
        results: one row per run, see prunepipe.results.table.COLUMNS; results of older versions lack BEFORE.
    Returns:
        One row per data set, network and method with at least FEWEST cells: PLACE, cells, and for each of BEFORE the
        Spearman correlation with its interval (NaN where all ranks are equal); positive: a better start ends better.
    Source: Bonett, Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
        Psychometrika 2000, for the interval. It takes cells as independent.
    """
    if not set(BEFORE) <= set(results):
        return pd.DataFrame(columns=[*PLACE, "cells"])
    known = results[[*BEFORE, "accuracy"]].apply(pd.to_numeric, errors="coerce").notna().all(axis=1)
    trained = results["status"].eq("done") & ~results["collapsed"].isin([True, "True"])
    rows = []
    for place, cells in results[known & trained].groupby(PLACE, sort=False):
        if len(cells) >= FEWEST:
            found = {name: _correlation(cells, name) for name in BEFORE}
            values = {
                f"{name}_{part}": value for name, parts in found.items() for part, value in parts.items()
            }
            rows.append({**dict(zip(PLACE, place, strict=True)), "cells": len(cells), **values})
    return pd.DataFrame(rows)


def _correlation(cells: pd.DataFrame, name: str) -> dict[str, float]:
    before = BEFORE[name] * pd.to_numeric(cells[name]).astype(float)
    ranks = [
        _ranks_within(values, cells["prune_ratio"]) for values in (before, cells["accuracy"].astype(float))
    ]
    spread = sqrt(float((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    if spread == 0:
        return {"rho": np.nan, "low": np.nan, "high": np.nan}
    rho = float((ranks[0] * ranks[1]).sum()) / spread
    free = len(cells) - cells["prune_ratio"].nunique() - 2
    low, high = _interval(rho, free)
    return {"rho": rho, "low": low, "high": high}


def _ranks_within(values: pd.Series[float], groups: pd.Series[float]) -> Floats:
    """Return ranks within each group, less their mean."""
    ranks = values.groupby(groups).rank()
    centred: Floats = (ranks - ranks.groupby(groups).transform("mean")).to_numpy(float)
    return centred


def _interval(rho: float, free: int) -> tuple[float, float]:
    """Return Bonett and Wright's interval; `free` is the number of cells less 3 for a single prune ratio."""
    if free < 1:
        return np.nan, np.nan
    inner = min(abs(rho), 1 - 1e-12)
    half = float(ndtri((1 + CONFIDENCE) / 2)) * sqrt((1 + inner**2 / 2) / free)
    middle = atanh(np.sign(rho) * inner)
    return tanh(middle - half), tanh(middle + half)
