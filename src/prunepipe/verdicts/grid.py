"""The pairs of a study as arrays: comparisons x prune ratios x seeds, in the order of the study's seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from prunepipe.errors import ArtifactError
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK
from prunepipe.verdicts.looks import Bools
from prunepipe.verdicts.pairing import METHOD, RUN, USABLE, checked_results, pair_runs

GROUP = [*METHOD, "check"]
FLAGS = ("known", "collapsed", "collapsed_reference", "identical", "partial", "partial_reference")


@dataclass(frozen=True)
class Grid:
    """Every comparison of a study (method, network, data set, check) at every prune ratio and seed.

    Attributes:
        pairs: one row per pair, with `group`, `ratio` and `position` (of the seed): its place in the arrays.
        groups: [comparisons] rows of GROUP.
        prune_ratios: [comparisons, prune ratios] ascending; NaN where a comparison has fewer.
        seeds: in the order of the study.
        difference: [comparisons, prune ratios, seeds] points; NaN unless the pair can be compared.
        known: both runs are there and measured.
        collapsed: the run under the check collapsed.
        collapsed_reference: the run without it did.
        identical: both runs are the same run.
        partial: the run under the check partly collapsed: classes on no path, or layers cut to a few units.
        partial_reference: the run without it did.
    """

    pairs: pd.DataFrame
    groups: pd.DataFrame
    prune_ratios: npt.NDArray[np.float64]
    seeds: tuple[int, ...]
    difference: npt.NDArray[np.float64]
    known: Bools
    collapsed: Bools
    collapsed_reference: Bools
    identical: Bools
    partial: Bools
    partial_reference: Bools

    @property
    def present(self) -> Bools:
        """[comparisons, prune ratios], True where the study has this prune ratio."""
        return np.isfinite(self.prune_ratios)

    @property
    def same(self) -> Bools:
        """[comparisons, prune ratios], True where each pair is the same run twice, so nothing can be tested."""
        twice = (self.identical | ~self.known).all(axis=-1) & (self.identical.sum(axis=-1) >= 2)
        return np.asarray(twice)


def grids(results: pd.DataFrame, seeds: Sequence[int] | None = None) -> list[Grid]:
    """Pair every run under a check with the run without it, study by study.

    Args:
        results: long form, one row per run; unpruned networks are ignored.
        seeds: in the order in which they are looked at; default: ascending.
    Raises:
        ArtifactError: the results cannot be read, or hold a seed that is not in `seeds`.
    """
    runs = checked_results(results)
    runs = runs[runs["ticket"] != FULL_NETWORK]
    found = tuple(sorted(runs["seed"].unique().tolist()))
    order = found if seeds is None else tuple(seeds)
    strange = [seed for seed in found if seed not in set(order)]
    if strange:
        raise ArtifactError(
            f"results: seed {strange[0]} is not in the study's list ({', '.join(map(str, order))}); looks count the"
            " first seeds of that list, so add new seeds at its end."
        )
    on, names = [column for column in RUN if column != "check"], ("with the check", "without")
    plain, checked = runs[runs["check"] == NO_CHECK], runs[runs["check"] != NO_CHECK]
    return [
        paired_grid(own, plain[plain["study"] == study], order, on=on, names=names)
        for study, own in checked.groupby("study", sort=False)
    ]


def paired_grid(
    changed: pd.DataFrame,
    reference: pd.DataFrame,
    seeds: tuple[int, ...],
    *,
    on: Sequence[str],
    names: tuple[str, str],
) -> Grid:
    """Pair runs with the runs that they are compared with.

    Args:
        changed: runs of one study, from checked_results; each GROUP is a comparison.
        reference: runs on the other side of the differences.
        seeds: in the order in which they are looked at.
        on: key columns that both runs of a pair share.
        names: of the two sides, for causes of gaps.
    """
    places = changed[[*GROUP, "prune_ratio"]].drop_duplicates()
    places["group"] = places.groupby(GROUP, sort=False).ngroup()
    places = places.sort_values(["group", "prune_ratio"], ignore_index=True)
    places["ratio"] = places.groupby("group").cumcount()
    cells = places.merge(pd.DataFrame({"seed": seeds, "position": range(len(seeds))}), how="cross")
    pairs = pair_runs(cells, changed, reference, on=on, names=names)
    shape = (int(places["group"].max()) + 1, int(places["ratio"].max()) + 1)
    ratios = np.full(shape, np.nan)
    ratios[places["group"], places["ratio"]] = places["prune_ratio"]
    groups = places.drop_duplicates("group")[GROUP].reset_index(drop=True)
    whole = (*shape, len(seeds))
    flags = {name: array_of(pairs, name, whole, False) for name in FLAGS}
    return Grid(pairs, groups, ratios, seeds, array_of(pairs, "difference", whole, np.nan), **flags)


def array_of(pairs: pd.DataFrame, column: str, shape: tuple[int, ...], fill: Any) -> npt.NDArray[Any]:
    """Return a column of a grid's pairs as an array [comparisons, prune ratios, seeds]."""
    values = np.full(shape, fill)
    values[pairs["group"], pairs["ratio"], pairs["position"]] = pairs[column]
    return values


def least_spread(grid: Grid) -> npt.NDArray[np.float64]:
    """Return the step of the accuracy of every comparison's data set [comparisons, 1, 1], in points.

    It is the smallest difference between two accuracies on this data set: one test image, once there are some runs;
    infinite while all accuracies are equal. Equal differences of a coarse accuracy do not show that the spread is 0.
    """
    usable = grid.pairs[grid.pairs["state"] == USABLE]
    steps = {name: _step(own) for name, own in usable.groupby("dataset")}
    return np.array([steps.get(name, np.inf) for name in grid.groups["dataset"]])[:, None, None]


def _step(pairs: pd.DataFrame) -> float:
    values = np.unique(pairs[["accuracy", "accuracy_reference"]].to_numpy(np.float64).round(9))
    return float(np.diff(values).min()) if len(values) > 1 else np.inf
