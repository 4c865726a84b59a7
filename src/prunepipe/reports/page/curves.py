"""Training curves, compact enough that a page can hold thousands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

STEPS = 100
"""Steps per point of accuracy: hundredths are finer than any screen shows."""

POINTS = 200
"""Longest curve kept in full; longer ones keep every second, third, ... epoch, and the last."""


def compact_curves(histories: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the test accuracy of every run over its epochs, rounded and as differences.

    Args:
        histories: one row per run and epoch: run, epoch, test_accuracy in percent.
    Returns:
        run -> `e`, the first epoch, or a list of epochs where they are not consecutive, and `d`, the accuracies in
        hundredths of a point: the first, then differences. Epochs without a test accuracy are left out.
    """
    if "test_accuracy" not in histories:
        return {}
    measured = histories[["run", "epoch", "test_accuracy"]].dropna()
    if measured.empty:
        return {}
    rows = measured.sort_values(["run", "epoch"], kind="stable")
    runs = rows["run"].to_numpy()
    bounds = np.flatnonzero(np.append(True, runs[1:] != runs[:-1]))
    epochs = np.split(rows["epoch"].to_numpy(float).astype(int), bounds[1:])
    values = np.split(rows["test_accuracy"].to_numpy(float), bounds[1:])
    return {
        str(runs[start]): _curve(own_epochs, own_values)
        for start, own_epochs, own_values in zip(bounds, epochs, values, strict=True)
    }


def _curve(epochs: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    stride = -(-len(values) // POINTS)
    chosen = np.unique(np.append(np.arange(0, len(values), stride), len(values) - 1))
    epochs, values = epochs[chosen], values[chosen]
    steady = np.array_equal(epochs, np.arange(epochs[0], epochs[0] + len(epochs)))
    return {"e": int(epochs[0]) if steady else epochs.tolist(), "d": _differences(values)}


def _differences(values: np.ndarray) -> list[int]:
    """Return the first value and then differences, in hundredths; rounding errors do not accumulate."""
    levels = np.rint(values * STEPS).astype(int)
    return [int(step) for step in np.diff(levels, prepend=0)]
