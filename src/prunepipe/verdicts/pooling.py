"""Pooling over prune ratios and seeds: which pairs enter a comparison, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from prunepipe.verdicts.pairing import (
    COLLAPSED,
    METHOD,
    NO_CHECK,
    RUN,
    UNPRUNED,
    USABLE,
    checked_results,
    pair_runs,
)
from prunepipe.verdicts.wording import gaps_text

GROUP = [*METHOD, "check"]
COUNT_COLUMNS = ["expected_seeds", "pairs", "expected_pairs", "collapsed_pairs", "missing_pairs", "gaps"]
POOLED_COLUMNS = [*GROUP, *COUNT_COLUMNS, "identical", "prune_ratios", "worst_prune_ratio", "worst_effect"]


def check_pairs(results: pd.DataFrame) -> pd.DataFrame:
    """Pair every run under a check with the run without it.

    Args:
        results: long form, one row per run; unpruned networks are passed over.
    Returns:
        One row per expected pair, with what prunepipe.verdicts.pairing.pair_runs adds. A group expects every prune
        ratio of its check x every seed of its method; it is contiguous, and sorted by prune ratio and seed.
    """
    runs = checked_results(results)
    runs = runs[runs["ticket"] != UNPRUNED]
    plain, checked = runs[runs["check"] == NO_CHECK], runs[runs["check"] != NO_CHECK]
    prune_ratios = checked[[*GROUP, "prune_ratio"]].drop_duplicates()
    cells = prune_ratios.merge(runs[[*METHOD, "seed"]].drop_duplicates(), on=METHOD)
    cells["group"] = cells.groupby(GROUP, sort=False).ngroup()
    cells = cells.sort_values(["group", "prune_ratio", "seed"], ignore_index=True)[RUN]
    on = [column for column in RUN if column != "check"]
    return pair_runs(cells, checked, plain, on=on, names=("with the check", "without"))


class Comparison(NamedTuple):
    """All pairs of one method, network, data set and check, as a table."""

    group: dict[str, Any]
    """Values of the GROUP columns."""
    pairs: pd.DataFrame
    """The rows of check_pairs."""
    shape: tuple[int, int]
    """(prune ratios, seeds)."""

    def table(self, column: str) -> npt.NDArray[Any]:
        """Return one column as [prune ratios, seeds]."""
        return self.pairs[column].to_numpy().reshape(self.shape)

    def at_prune_ratio(self, position: int) -> Comparison:
        """Return the pairs of one prune ratio, as a comparison of its own."""
        seeds = self.shape[1]
        return self._replace(pairs=self.pairs[position * seeds : (position + 1) * seeds], shape=(1, seeds))


def comparisons(pairs: pd.DataFrame) -> Iterator[Comparison]:
    """Yield the comparisons of what `check_pairs` returned, in order of appearance."""
    number = pairs.groupby(GROUP, sort=False).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(number, prepend=-1)).tolist()
    for start, stop in pairwise([*starts, len(pairs)]):
        own = pairs[start:stop]
        seeds = own["seed"].nunique()
        yield Comparison({column: own[column].iat[0] for column in GROUP}, own, (len(own) // seeds, seeds))


def pool(comparison: Comparison) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    """Average each seed's differences over the prune ratios of the complete block.

    Args:
        comparison: of one group.
    Returns:
        A row of POOLED_COLUMNS, and the mean difference of every seed in the block [seeds in the block].
    """
    block = complete_block(comparison.table("state") == USABLE)
    inside = np.outer(block.prune_ratios, block.seeds)
    row = {**comparison.group, **counts(comparison, inside)}
    if not inside.any():
        return row, np.empty(0)
    differences = comparison.table("difference")[block.prune_ratios][:, block.seeds].astype(np.float64)
    prune_ratios = comparison.table("prune_ratio")[block.prune_ratios, 0]
    by_prune_ratio = differences.mean(axis=1)
    row["identical"] = bool(comparison.table("identical")[inside].all())
    row["prune_ratios"] = ", ".join(f"{prune_ratio:g}" for prune_ratio in prune_ratios)
    row["worst_prune_ratio"] = float(prune_ratios[by_prune_ratio.argmin()])
    row["worst_effect"] = float(by_prune_ratio.min())
    return row, differences.mean(axis=0)


def counts(comparison: Comparison, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Count what a comparison has and lacks.

    Args:
        comparison: of one group.
        inside: [prune ratios, seeds], the pairs that are used.
    Returns:
        The COUNT_COLUMNS; missing_pairs are all that are neither usable nor collapsed; gaps says it in words.
    """
    state = comparison.table("state")
    usable, collapsed = int((state == USABLE).sum()), int((state == COLLAPSED).sum())
    return {
        "expected_seeds": comparison.shape[1],
        "pairs": int(inside.sum()),
        "expected_pairs": state.size,
        "collapsed_pairs": collapsed,
        "missing_pairs": state.size - usable - collapsed,
        "gaps": "" if inside.all() else gaps_text(comparison.pairs[~inside.ravel()], comparison.shape[1]),
    }


def side_by_side(columns: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Put differences of unequal length into one table [seeds, comparisons], filled up with NaN."""
    table = np.full((max(map(len, columns), default=0), len(columns)), np.nan)
    for position, column in enumerate(columns):
        table[: len(column), position] = column
    return table


class Block(NamedTuple):
    """A choice of prune ratios and seeds that form a complete table of usable pairs."""

    prune_ratios: npt.NDArray[np.bool_]
    """[prune ratios], True = in the block."""
    seeds: npt.NDArray[np.bool_]
    """[seeds], True = in the block."""


def complete_block(usable: npt.NDArray[np.bool_]) -> Block:
    """Choose what to pool over, so that the mean of every seed is over the same prune ratios.

    Means over different prune ratios would differ between seeds by more than chance. The choice looks at
    which pairs exist, not at their values: prune ratios are taken in the order of their usable pairs; the
    best number of them has the most (complete seeds - 1) x prune ratios, ties go to more seeds.

    Args:
        usable: [prune ratios, seeds].
    Returns:
        The block; without any seed if there is no usable pair.
    """
    order = np.argsort(-usable.sum(axis=1), kind="stable")
    complete = np.logical_and.accumulate(usable[order], axis=0)  # [prune ratios taken, seeds]
    seeds = complete.sum(axis=1)
    taken = np.arange(1, len(order) + 1)
    worth = np.maximum(seeds - 1, 0) * taken
    best = int(np.lexsort((taken, seeds, worth))[-1])
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[: best + 1]] = True
    return Block(chosen, complete[best])
