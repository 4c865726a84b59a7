"""Judge a study at the looks that its comparisons have reached."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from prunepipe.study.rows import VerdictRule
from prunepipe.verdicts.boundaries import Levels, levels
from prunepipe.verdicts.evidence import Claims, Evidence, claims, evidence
from prunepipe.verdicts.grid import Grid, least_spread
from prunepipe.verdicts.looks import Bools, Ints
from prunepipe.verdicts.words import words


@dataclass(frozen=True)
class Assessment:
    """What the runs of a study show, for every comparison and prune ratio.

    Attributes:
        grid: the pairs.
        rule: how they are judged.
        reached: [comparisons, prune ratios, looks] whether the first so many seeds have both runs.
        found: what every look shows.
        last: [comparisons, prune ratios] position of the last look that is reached, -1 = none.
        seen: [comparisons, prune ratios, seeds] the seeds of that look; of the first look where none is reached.
        judged: [comparisons, prune ratios] False where all runs are identical by construction.
        incomparable: without the check, too, every network collapsed.
        stopped: [comparisons] the dense network is at chance, so nothing is judged.
        shown: adjusted p-values.
        asked: levels of the tests now.
        word: the verdicts.
    """

    grid: Grid
    rule: VerdictRule
    reached: Bools
    found: Evidence
    last: Ints
    seen: Bools
    judged: Bools
    incomparable: Bools
    stopped: Bools
    shown: Claims
    asked: Levels
    word: npt.NDArray[np.str_]


def assess(grid: Grid, rule: VerdictRule, at_chance: Collection[tuple[str, str]] = ()) -> Assessment:
    """Judge a study.

    Args:
        grid: its pairs.
        rule: margin, significance and looks.
        at_chance: (data set, network) where the dense network is at chance; nothing is judged there.
    """
    places = zip(grid.groups["dataset"], grid.groups["network"], strict=True)
    stopped = np.array([place in at_chance for place in places], bool)
    looks, judged = np.asarray(rule.looks), grid.present & ~grid.same & ~stopped[:, None]
    reached, found = _evidence(grid, rule)
    last = reached.sum(axis=-1) - 1
    seen = np.arange(len(grid.seeds)) < np.where(last >= 0, looks[last], looks[0])[..., None]
    shown = claims(found, judged=judged)
    incomparable = (last >= 0) & (grid.collapsed_reference | ~seen).all(axis=-1)
    any_collapse = np.any((grid.collapsed | grid.collapsed_reference) & seen, axis=-1)
    word = words(
        shown, rule.significance, judged=judged & ~incomparable, any_collapse=np.asarray(any_collapse)
    )
    asked = levels(shown, rule.significance, judged)
    return Assessment(
        grid, rule, reached, found, last, seen, judged, incomparable, stopped, shown, asked, word
    )


def _evidence(grid: Grid, rule: VerdictRule) -> tuple[Bools, Evidence]:
    most, looks = rule.looks[-1], np.asarray(rule.looks)

    def padded(values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        missing = max(most - values.shape[-1], 0)
        return np.pad(values, [(0, 0), (0, 0), (0, missing)], constant_values=fill)[..., :most]

    reached = np.logical_and.accumulate(padded(grid.known, False), axis=-1)[..., looks - 1]
    found = evidence(
        padded(np.where(grid.same[..., None], np.nan, grid.difference), np.nan),
        looks=rule.looks,
        margin=rule.margin,
        reached=reached,
        least_spread=least_spread(grid),
        collapsed=padded(grid.collapsed, False),
        collapsed_reference=padded(grid.collapsed_reference, False),
    )
    return reached, found
