"""Tests that use the spread of a study's other comparisons, where these agree."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from prunepipe.verdicts.looks import Bools, Floats, Ints, Sample, packaged_table
from prunepipe.verdicts.skewness import skewed_share
from prunepipe.verdicts.tails import falls_to

FEWEST_PAIRS = 3
"""With fewer pairs, the spread of a comparison does not count."""
FEWEST_PEERS = 6
"""With fewer comparisons at a prune ratio, there is no typical spread."""
RESERVE = 1.2
"""Factor between the median spread and the one that counts as typical."""
ONLY, ALONE, BY_PEERS, FEW_PEERS = 1.25, 2.5, 2.5, 48.0
"""Factors of p-values, because there are two tests, and because the peers are a sample.

ONLY: of the own spread, where there is no typical spread. ALONE: of the own spread elsewhere. Of the peers' spread:
BY_PEERS, or 1 + FEW_PEERS / comparisons if that is more.
"""


class Peers(NamedTuple):
    """The spreads of a study at every look."""

    typical: Floats
    """[..., comparisons or 1, prune ratios, looks] in points; infinite where too few comparisons tell."""
    weights: Floats
    """[..., 1, 1, looks, columns] how common the distributions of the table's columns are, times a factor."""
    skewed: Floats
    """[..., 1, 1, looks] share of the comparisons that is skewed."""

    @property
    def factor(self) -> Floats:
        """[..., comparisons or 1, prune ratios, looks] factor of p-values of the own spread."""
        return np.where(np.isfinite(self.typical), ALONE, ONLY)


def peers_of(found: Sample, reached: Bools, least_spread: float | Floats = 0.0) -> Peers:
    """Return the typical spread at each prune ratio, and how far the spreads of all comparisons lie from it.

    Args:
        found: [..., comparisons, prune ratios, looks].
        reached: the same shape; other looks, and copies of other comparisons, do not count.
        least_spread: the step of the accuracy in points, broadcast against [..., looks].
    """
    counts = reached & (found.pairs >= FEWEST_PAIRS)
    freedom = np.maximum(found.pairs - 1, 1)
    # The median of sample spreads lies below the true spread.
    corrected = np.where(counts, found.spread / np.sqrt(stats.chi2.median(freedom) / freedom), np.nan)
    enough = counts.sum(axis=-3, keepdims=True) >= FEWEST_PEERS
    median = np.nanmedian(np.where(enough, corrected, np.inf), axis=-3, keepdims=True)
    typical = RESERVE * np.maximum(median, np.maximum(least_spread, 1e-9))
    with np.errstate(invalid="ignore"):
        relative = np.where(counts, corrected / typical, np.nan)
    skewed = skewed_share(found, counts)
    return Peers(typical, _weights(relative, counts, skewed), skewed)


def _weights(relative: Floats, counts: Bools, skewed: Floats) -> Floats:
    """Share every spread between the two nearest columns of each distribution; one more peer has the worst spread."""
    grid = np.log(_table().spreads)
    place = np.interp(np.log(np.maximum(np.nan_to_num(relative, nan=1.0), 1.0)), grid, np.arange(len(grid)))
    total = np.maximum(counts.sum(axis=(-3, -2), keepdims=True), 1)
    columns = [
        (np.maximum(1 - np.abs(place - k), 0.0) * counts).sum(axis=(-3, -2), keepdims=True) / total
        for k in range(len(grid))
    ]
    weights = [skewed * own for own in columns] + [(1 - skewed) * own for own in columns] + [1 / total]
    comparisons = np.maximum(counts.any(axis=-2, keepdims=True).sum(axis=-3, keepdims=True), 1)
    factor = np.maximum(BY_PEERS, 1 + FEW_PEERS / comparisons)
    return np.asarray(np.stack(weights, axis=-1) * factor[..., None], np.float64)


def copies(differences: Floats) -> Bools:
    """Return which comparisons repeat an earlier one in all differences, as two tickets with the same masks do.

    A copy tells nothing new about the spreads of a study, so it is no peer.

    Args:
        differences: [..., comparisons, prune ratios, seeds] in points; NaN: no comparison.
    Returns:
        [..., comparisons].
    """
    places = np.random.default_rng(0).uniform(1, 2, differences.shape[-2:])
    known = np.isfinite(differences)
    prints = [np.where(known, differences, 0.0) * places, known * places]  # equal rows have equal sums
    same = np.all([np.equal(*_pairwise(one.sum(axis=(-2, -1)))) for one in prints], axis=0)
    return np.asarray(np.tril(same, -1).any(axis=-1))


def _pairwise(values: Floats) -> tuple[Floats, Floats]:
    return values[..., :, None], values[..., None, :]


def cautious(spread: Floats, typical: Floats) -> Floats:
    """Return the spread that counts: the typical one, and more for a sample that scatters more.

    Args:
        spread: [...] of the samples, in points.
        typical: [...] from `peers_of`.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(typical * np.maximum(spread / typical, 1.0) ** 2, np.float64)


def peer_tail(distance: npt.ArrayLike, pairs: npt.ArrayLike, weights: Floats) -> Floats:
    """Return the p-value of a mean's distance: how often a comparison of this study would be so far off by chance.

    It is the mean over the spreads and distributions of the study, because a comparison may have any of them, whatever
    its own sample suggests.

    Args:
        distance: [tests] of the mean from the hypothesis, times sqrt(pairs), divided by `cautious`.
        pairs: [tests] numbers of values, at least 3. Numbers that are not tabulated take the next lower one.
        weights: [tests, columns] from `peers_of`.
    """
    distance, pairs = np.asarray(distance, np.float64), np.asarray(pairs)
    table, found = _table(), np.ones(distance.shape)
    rows = np.searchsorted(table.pairs, pairs, side="right") - 1
    place = np.interp(
        np.log(np.maximum(distance, 1e-9)), table.log_distances, np.arange(len(table.log_distances))
    )
    usable = distance >= np.exp(table.log_distances[0])
    for row in np.unique(rows[usable]).tolist():
        own = usable & (rows == row)
        lower = np.minimum(place[own].astype(int), len(table.log_distances) - 2)
        part, logs = (place[own] - lower)[:, None], table.log_chances[row]
        chances = np.exp(logs[lower] * (1 - part) + logs[lower + 1] * part)
        found[own] = np.minimum((chances * weights[own]).sum(axis=-1), 1.0)
    return found


def peer_distance(level: Floats, pairs: Ints, weights: Floats) -> Floats:
    """Return the distance at which `peer_tail` falls to a level [tests], its inverse; infinite where none does."""
    logs = _table().log_distances
    return falls_to(level, lambda log: peer_tail(np.exp(log), pairs, weights), (logs[0], logs[-1]))


class Table(NamedTuple):
    """Chances of distances, from `benchmarks/tabulate_tails.py`."""

    pairs: Ints
    spreads: Floats
    """Of the columns, in typical spreads: first skewed, then normal differences; the last column has none."""
    log_distances: Floats
    log_chances: Floats
    """[numbers of pairs, distances, columns]."""


@cache
def _table() -> Table:
    table = packaged_table("peers.csv")
    pairs, distances = table["pairs"].unique(), table["distance"].unique()
    names = [str(name) for name in table]
    spreads = [float(name.removeprefix("normal_")) for name in names if name.startswith("normal_")]
    chances = table.iloc[:, 2:].to_numpy(np.float64).reshape(len(pairs), len(distances), -1)
    return Table(pairs, np.array(spreads), np.log(distances), np.log(np.maximum(chances, 1e-300)))
