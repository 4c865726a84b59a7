"""Does a method use what the check destroyed? One word for every method, check and prune ratio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from prunepipe.errors import ConfigError
from prunepipe.verdicts.boundaries import State, decision_probability, levels, thresholds
from prunepipe.verdicts.evidence import Claims, Evidence, claims, evidence
from prunepipe.verdicts.failures import failures
from prunepipe.verdicts.grid import GROUP, Grid, grids, least_spread
from prunepipe.verdicts.looks import USUAL_LOOKS, Sample
from prunepipe.verdicts.picture import picture
from prunepipe.verdicts.statistics import require_levels
from prunepipe.verdicts.wording import gaps_text, reason
from prunepipe.verdicts.words import words

VERDICT_COLUMNS = [
    *(*GROUP, "prune_ratio", "verdict", "look", "pairs", "effect", "interval_low", "interval_high", "interval_level"),
    *("standard_deviation", "picture", "uses_below", "ignores_within", "p_uses", "p_ignores", "p_gains", "p_collapses"),
    *("collapsed", "collapsed_reference", "failed", "failed_reference", "p_failures", "identical"),
    *("expected_pairs", "missing_pairs", "margin", "significance", "looks", "family_size", "next_look"),
    *("probability", "gaps", "reason"),
]  # fmt: skip
EFFECT_COLUMNS = [
    *(*GROUP, "prune_ratio", "look", "pairs", "effect", "standard_deviation"),
    *("p_harm", "p_equivalence", "p_gain", "p_collapse"),
]


def verdicts(
    results: pd.DataFrame,
    *,
    margin: float,
    significance: float = 0.05,
    looks: Sequence[int] = USUAL_LOOKS,
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Judge every method x network x data set x check of each study at every prune ratio.

    A look is reached when the first so many seeds of the list have both runs; it uses these seeds and no others. See
    docs/verdicts.md for the tests, and `prunepipe.verdicts.words.words` for the words.

    Args:
        results: long form, one row a run; accuracy in percent; the unpruned full_network is passed over.
        margin: points of accuracy that count as no difference, > 0.
        significance: rate of studies with any wrong claim, for harm and for equivalence each.
        looks: numbers of seeds after which the study is looked at, ascending.
        seeds: in the order in which they are looked at; default: ascending.
    Returns:
        One row a comparison and prune ratio with VERDICT_COLUMNS. look: seeds of the last look reached, 0 = none;
        effect (negative = the check hurts), interval (of this look alone, level 1 - 2 significance) and thresholds in
        points; p_* are sequential and adjusted for the family; collapsed and failed count runs; next_look is empty
        where nothing is open; probability: of a decision there.
    Raises:
        ConfigError: margin, significance or looks are out of bounds.
        ArtifactError: the results cannot be read as one row a run, or hold a seed that is not in the list.
    """
    require_levels(margin, significance)
    require_looks(looks)
    rule = {"margin": margin, "significance": significance, "looks": tuple(looks)}
    tables = [_judged(grid, **rule) for grid in grids(results, seeds)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=VERDICT_COLUMNS)


def require_looks(looks: Sequence[int]) -> None:
    """Refuse looks that do not ascend or come before a spread is known.

    Raises:
        ConfigError: says which.
    """
    listed = ", ".join(map(str, looks))
    if not looks or looks[0] < 3:
        raise ConfigError(
            f"verdict.looks: [{listed}] must begin with 3 seeds or more; fewer show no spread, for example [3, 5, 8]."
        )
    if list(looks) != sorted(set(looks)):
        raise ConfigError(f"verdict.looks: [{listed}] must ascend, for example [3, 5, 8, 12, 20].")


def effects_by_look(
    results: pd.DataFrame,
    *,
    margin: float,
    looks: Sequence[int] = USUAL_LOOKS,
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Describe the effect of every check at each prune ratio and look that is reached.

    Args:
        results: as for `verdicts`.
        margin: in points, > 0.
        looks: as for `verdicts`.
        seeds: as for `verdicts`.
    Returns:
        One row a comparison, prune ratio and look with EFFECT_COLUMNS; p-values are sequential, not adjusted.
    """
    require_looks(looks)
    rows = [_effects(grid, margin, tuple(looks)) for grid in grids(results, seeds)]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=EFFECT_COLUMNS)


def _effects(grid: Grid, margin: float, looks: tuple[int, ...]) -> pd.DataFrame:
    reached, found = _evidence(grid, margin, looks)
    where = np.nonzero(reached & grid.present[..., None])
    table = grid.groups.iloc[where[0]].reset_index(drop=True)
    values = {
        "prune_ratio": grid.prune_ratios[where[:2]],
        "look": np.asarray(looks)[where[2]],
        "pairs": found.sample.pairs[where],
        "effect": found.sample.mean[where],
        "standard_deviation": found.sample.spread[where],
        "p_harm": found.harm[where],
        "p_equivalence": found.equivalence[where],
        "p_gain": found.gain[where],
        "p_collapse": found.collapse[where],
    }
    return table.assign(**values)[EFFECT_COLUMNS]


def _evidence(grid: Grid, margin: float, looks: tuple[int, ...]) -> tuple[npt.NDArray[np.bool_], Evidence]:
    """Which looks are reached [comparisons, prune ratios, looks], and what they show."""
    most = looks[-1]

    def padded(values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
        missing = max(most - values.shape[-1], 0)
        return np.pad(values, [(0, 0), (0, 0), (0, missing)], constant_values=fill)[..., :most]

    known = np.logical_and.accumulate(padded(grid.known, False), axis=-1)
    reached = known[..., np.asarray(looks) - 1]
    found = evidence(
        padded(np.where(grid.same[..., None], np.nan, grid.difference), np.nan),
        looks=looks,
        margin=margin,
        reached=reached,
        least_spread=least_spread(grid),
        collapsed=padded(grid.collapsed, False),
        collapsed_reference=padded(grid.collapsed_reference, False),
    )
    return reached, found


def _judged(grid: Grid, margin: float, significance: float, looks: tuple[int, ...]) -> pd.DataFrame:
    reached, found = _evidence(grid, margin, looks)
    judged = grid.present & ~grid.same
    shown = claims(found, judged=judged)
    last = reached.sum(axis=-1) - 1  # [comparisons, prune ratios], -1 = no look is reached
    seen = np.arange(len(grid.seeds)) < np.where(last >= 0, np.asarray(looks)[last], looks[0])[..., None]
    collapsed = (grid.collapsed & seen, grid.collapsed_reference & seen)
    incomparable = (last >= 0) & (grid.collapsed_reference | ~seen).all(axis=-1)
    possible = judged & ~incomparable
    any_collapse = collapsed[0].any(axis=-1) | collapsed[1].any(axis=-1)
    word = words(shown, significance, judged=possible, any_collapse=any_collapse)
    table = pd.concat(
        [
            _facts(grid, seen, margin, significance),
            _claimed(grid, shown),
            _next(grid, found, last, word, levels(shown, significance, judged), looks, margin),
        ],
        axis=1,
    )
    present = grid.present
    at_look = np.where(last >= 0, np.asarray(looks)[last], 0)[present]
    table = table.assign(
        verdict=word[present],
        look=at_look,
        collapsed=collapsed[0].sum(axis=-1)[present],
        collapsed_reference=collapsed[1].sum(axis=-1)[present],
        identical=grid.same[present],
        incomparable=incomparable[present],
        margin=margin,
        significance=significance,
        interval_level=1 - 2 * significance,
        looks=" ".join(map(str, looks)),
        family_size=int(judged.sum()),
        comparisons=int(judged.any(axis=-1).sum()),
    )
    table["picture"] = [
        picture(*values, margin) for values in zip(table["effect"], table["interval_low"], table["interval_high"], strict=True)
    ]
    table["reason"] = [reason({str(key): value for key, value in row.items()}) for row in table.to_dict("records")]
    return table[VERDICT_COLUMNS]


def _facts(grid: Grid, seen: npt.NDArray[np.bool_], margin: float, significance: float) -> pd.DataFrame:
    """Pairs, effect, interval, failures and gaps of every comparison and prune ratio, from the seeds of its look."""
    used = np.where(seen, grid.difference, np.nan)[grid.present]  # [rows, seeds]
    pairs = np.isfinite(used).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(used, axis=-1) / pairs
        spread = np.sqrt(np.nansum((used - mean[:, None]) ** 2, axis=-1) / np.where(pairs > 1, pairs - 1, np.nan))
        half = stats.t.isf(significance, np.maximum(pairs - 1, 1)) * spread / np.sqrt(pairs)
    where = np.nonzero(grid.present)
    rows = grid.groups.iloc[where[0]].reset_index(drop=True)
    rows = rows.assign(prune_ratio=grid.prune_ratios[grid.present], pairs=pairs, effect=mean)
    rows = rows.assign(standard_deviation=spread, interval_low=mean - half, interval_high=mean + half)
    missing = ~grid.known[grid.present]
    rows["expected_pairs"], rows["missing_pairs"] = missing.shape[1], missing.sum(axis=-1)
    return rows.join(_counts(grid, seen, margin))


def _counts(grid: Grid, seen: npt.NDArray[np.bool_], margin: float) -> pd.DataFrame:
    """Failing runs and gaps, row by row."""
    rank = np.full(grid.present.shape, -1)
    rank[grid.present] = np.arange(grid.present.sum())
    pairs = grid.pairs
    row = rank[pairs["group"], pairs["ratio"]]
    used = (np.isfinite(grid.difference) & seen)[grid.present]
    sides = []
    for name in ("accuracy", "accuracy_reference"):
        values = np.empty(grid.difference.shape)
        values[pairs["group"], pairs["ratio"], pairs["position"]] = pairs[name]
        sides.append(np.where(used, values[grid.present], np.nan))
    failed = failures(sides[0], sides[1], margin)
    names = ("failed", "failed_reference", "p_failures")
    table = pd.DataFrame(dict(zip(names, failed, strict=True)))
    gaps = pd.Series("", index=table.index)
    lacking = pairs[["prune_ratio", "state", "cause"]].assign(row=row)
    for number, own in lacking[(lacking["state"] != "usable")].groupby("row"):
        gaps[number] = gaps_text(own, len(grid.seeds))
    return table.assign(gaps=gaps)


def _claimed(grid: Grid, shown: Claims) -> pd.DataFrame:
    names = ("p_uses", "p_ignores", "p_gains", "p_collapses")
    return pd.DataFrame({name: p[grid.present] for name, p in zip(names, shown, strict=True)})


def _next(
    grid: Grid,
    found: Evidence,
    last: npt.NDArray[np.int64],
    word: npt.NDArray[np.str_],
    asked: Any,
    looks: tuple[int, ...],
    margin: float,
) -> pd.DataFrame:
    """Thresholds at the last look, the next look, and how likely it decides."""
    present = grid.present
    at = np.maximum(last, 0)[..., None]

    def now(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.take_along_axis(np.broadcast_to(values, found.harm.shape), at, axis=-1)[..., 0][present]

    sample: Sample = found.sample
    spread = np.maximum(now(np.nan_to_num(sample.spread)), now(least_spread(grid)))
    state = State(
        now(sample.pairs), now(np.nan_to_num(sample.mean)), spread, now(found.floor), now(found.complete),
        at[..., 0][present],
        asked.harm[present], asked.equivalence[present],
    )  # fmt: skip
    begun = (last[present] >= 0) & (state.pairs >= 3)
    harm, within = thresholds(state, looks, margin)
    table = pd.DataFrame({"uses_below": np.where(begun, harm, np.nan), "ignores_within": np.where(begun & (within > 0), within, np.nan)})
    table["uses_below"] = table["uses_below"].where(np.isfinite(table["uses_below"]))
    undecided = word[present] == "inconclusive"
    further = undecided & (last[present] + 1 < len(looks))
    following = np.asarray(looks)[np.minimum(last[present] + 1, len(looks) - 1)]
    table["next_look"] = pd.array(np.where(further, following, -1), dtype="Int64")
    table.loc[~further, "next_look"] = pd.NA
    table["probability"] = np.nan
    chosen = np.flatnonzero(further & begun)
    if len(chosen):
        part = State(*(values[chosen] for values in state))
        table.loc[chosen, "probability"] = decision_probability(part, looks, margin)
    return table
