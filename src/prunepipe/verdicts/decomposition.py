"""Where a method's accuracy comes from: its per-layer ratios, its positions, or its weight values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from prunepipe.results.table import NO_SPREAD
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK
from prunepipe.verdicts.looks import Floats
from prunepipe.verdicts.pairing import METHOD, USABLE, checked_results, pair_runs
from prunepipe.verdicts.statistics import paired_intervals
from prunepipe.verdicts.wording import gaps_text

PLACE = ["study", "dataset", "network", "prune_ratio", "seed"]
CELL = [*METHOD, "prune_ratio"]
DECOMPOSITION_COLUMNS = [
    *(*METHOD, "prune_ratio", "part", "minuend", "subtrahend", "gain", "interval_low", "interval_high"),
    *("interval_level", "seeds", "expected_seeds", "gaps"),
]


class GainPart(NamedTuple):
    """One difference between two runs of the same seed."""

    check: str
    """Check of the method on the minuend's side."""
    reference: str
    """Check of the method on the subtrahend's side; "uniform" = the uniform random ticket instead."""


UNIFORM = "uniform"
UNIFORM_TICKET = "random_uniform"
"""The random ticket with the same prune ratio in every layer."""
PARTS = {
    "layer ratios": GainPart("rearrange", UNIFORM),
    "positions": GainPart(NO_CHECK, "rearrange"),
    "weight values (shuffled)": GainPart(NO_CHECK, "shuffle_weights"),
    "weight values (redrawn)": GainPart(NO_CHECK, "reinit"),
}
"""What each part of the gain subtracts.

For tickets that start from trained weights, "layer ratios" includes what these weights gain, because the uniform
random ticket starts from initial ones.
"""


def decomposition(results: pd.DataFrame, significance: float) -> pd.DataFrame:
    """Split what every method gains at every prune ratio into parts, paired by seed.

    Args:
        results: long form, one row per run, as for prunepipe.verdicts.verdicts.verdicts.
        significance: the intervals leave out this share at either end, as those of the verdicts do.
    Returns:
        One row per method, data set, network, prune ratio and part with DECOMPOSITION_COLUMNS. gain is in
        points. It and the interval are NaN (a visible gap, explained in gaps) where no pair of runs can be
        compared.
    Raises:
        ArtifactError: the results cannot be read as one row per run.
    """
    runs = checked_results(results)
    runs = runs[runs["ticket"] != FULL_NETWORK]
    uniform = runs[(runs["ticket"] == UNIFORM_TICKET) & (runs["check"] == NO_CHECK)]
    methods = runs[runs["ticket"] != UNIFORM_TICKET]
    cells = methods[CELL].drop_duplicates().merge(methods[[*METHOD, "seed"]].drop_duplicates(), on=METHOD)
    cells["order"] = cells.groupby(CELL, sort=False).ngroup()
    tables = []
    for position, (name, part) in enumerate(PARTS.items()):
        table = _gains(cells, methods, uniform, part, significance)
        minuend = _label(table["ticket"], part.check)
        subtrahend = UNIFORM_TICKET if part.reference == UNIFORM else _label(table["ticket"], part.reference)
        labels = {"part": name, "minuend": minuend, "subtrahend": subtrahend, "position": position}
        tables.append(table.assign(**labels, interval_level=1 - 2 * significance))
    whole = pd.concat(tables).sort_values(["order", "position"], ignore_index=True)
    return whole[DECOMPOSITION_COLUMNS]


def _gains(
    cells: pd.DataFrame, methods: pd.DataFrame, uniform: pd.DataFrame, part: GainPart, significance: float
) -> pd.DataFrame:
    """One part of every cell: its gain, interval, seeds and gaps."""
    changed = methods[methods["check"] == part.check].drop(columns="check")
    reference, on, name = uniform, PLACE, "uniform random"
    if part.reference != UNIFORM:
        reference, on, name = methods[methods["check"] == part.reference], [*PLACE, "ticket"], part.reference
    pairs = pair_runs(cells, changed, reference.drop(columns="check"), on=on, names=(part.check, name))
    rows, differences = [], []
    for order, own in pairs.groupby("order"):
        differences.append(own["difference"].to_numpy(float))
        lacking = own[own["state"] != USABLE]
        row = {column: own[column].iat[0] for column in CELL}
        rows.append({**row, "order": order, "expected_seeds": len(own), "gaps": gaps_text(lacking, len(own))})
    found = paired_intervals(_below_each_other(differences), significance)
    constant = found["standard_deviation"] <= NO_SPREAD  # of a coarse accuracy, not of infinite precision
    ends = {name: found[name].mask(constant) for name in ("interval_low", "interval_high")}
    gains = found.assign(**ends).rename(columns={"effect": "gain", "pairs": "seeds"})
    return pd.DataFrame(rows, columns=[*CELL, "order", "expected_seeds", "gaps"]).join(gains)


def _label(tickets: pd.Series[str], check: str) -> pd.Series[str]:
    return tickets if check == NO_CHECK else tickets + f" ({check})"


def _below_each_other(rows: list[Floats]) -> Floats:
    """Put differences of unequal length into one table [rows, seeds], filled up with NaN."""
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for position, row in enumerate(rows):
        table[position, : len(row)] = row
    return table
