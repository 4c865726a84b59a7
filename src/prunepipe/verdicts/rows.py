"""An assessed study as rows: one a comparison and prune ratio, with all that a reader needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from prunepipe.verdicts.assessment import Assessment
from prunepipe.verdicts.boundaries import decision_probability, state_at, thresholds
from prunepipe.verdicts.failures import failures
from prunepipe.verdicts.grid import GROUP, Grid
from prunepipe.verdicts.pairing import USABLE
from prunepipe.verdicts.peers import FEWEST_PAIRS
from prunepipe.verdicts.picture import picture
from prunepipe.verdicts.wording import gaps_text, reason

VERDICT_COLUMNS = [
    *(*GROUP, "prune_ratio", "verdict", "look", "pairs", "effect", "interval_low", "interval_high", "interval_level"),
    *("standard_deviation", "picture", "uses_below", "ignores_within"),
    *("p_uses", "p_ignores", "p_gains", "p_collapses"),
    *("collapsed", "collapsed_reference", "partial", "partial_reference"),
    *("failed", "failed_reference", "p_failures", "identical"),
    *("expected_pairs", "missing_pairs", "margin", "significance", "looks", "family_size", "next_look"),
    *("probability", "gaps", "reason"),
]  # fmt: skip
EFFECT_COLUMNS = [
    *(*GROUP, "prune_ratio", "look", "pairs", "effect", "standard_deviation"),
    *("p_harm", "p_equivalence", "p_gain", "p_collapse"),
]


def verdict_rows(study: Assessment) -> pd.DataFrame:
    """Return the rows of a study with VERDICT_COLUMNS, see `prunepipe.verdicts.verdicts.verdicts`."""
    present, looks, rule = study.grid.present, np.asarray(study.rule.looks), study.rule
    flags = ("collapsed", "collapsed_reference", "partial", "partial_reference")
    counts = {name: (getattr(study.grid, name) & study.seen).sum(axis=-1)[present] for name in flags}
    stopped = np.broadcast_to(study.stopped[:, None], present.shape)[present]
    names = ("p_uses", "p_ignores", "p_gains", "p_collapses")
    table = pd.concat([facts(study), _counts(study), _next(study)], axis=1).assign(
        **{name: p_values[present] for name, p_values in zip(names, study.shown, strict=True)},
        verdict=study.word[present],
        look=np.where(study.last >= 0, looks[study.last], 0)[present],
        **counts,
        stopped=stopped,
        identical=study.grid.same[present],
        incomparable=study.incomparable[present],
        margin=rule.margin,
        significance=rule.significance,
        interval_level=1 - 2 * rule.significance,
        looks=" ".join(map(str, rule.looks)),
        family_size=int(study.judged.sum()),
    )
    drawn = zip(table["effect"], table["interval_low"], table["interval_high"], strict=True)
    table["picture"] = [picture(*values, rule.margin) for values in drawn]
    table["reason"] = [
        reason({str(key): value for key, value in row.items()}) for row in table.to_dict("records")
    ]
    return table[VERDICT_COLUMNS]


def effect_rows(study: Assessment) -> pd.DataFrame:
    """Return one row a comparison, prune ratio and look that is reached, with EFFECT_COLUMNS."""
    where = np.nonzero(study.reached & study.grid.present[..., None])
    found = study.found
    values = {
        "prune_ratio": study.grid.prune_ratios[where[:2]],
        "look": np.asarray(study.rule.looks)[where[2]],
        "pairs": found.sample.pairs[where],
        "effect": found.sample.mean[where],
        "standard_deviation": found.sample.spread[where],
        "p_harm": found.harm[where],
        "p_equivalence": found.equivalence[where],
        "p_gain": found.gain[where],
        "p_collapse": found.collapse[where],
    }
    return study.grid.groups.iloc[where[0]].reset_index(drop=True).assign(**values)[EFFECT_COLUMNS]


def facts(study: Assessment) -> pd.DataFrame:
    """Return GROUP, prune_ratio, pairs, effect and interval of every comparison, from the seeds of the last look."""
    grid, significance = study.grid, study.rule.significance
    used = np.where(study.seen, grid.difference, np.nan)[grid.present]  # [rows, seeds]
    pairs = np.isfinite(used).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(used, axis=-1) / pairs
        squares = np.nansum((used - mean[:, None]) ** 2, axis=-1)
        spread = np.sqrt(squares / np.where(pairs > 1, pairs - 1, np.nan))
        half = stats.t.isf(significance, np.maximum(pairs - 1, 1)) * spread / np.sqrt(pairs)
    missing = ~grid.known[grid.present]
    return (
        grid.groups.iloc[np.nonzero(grid.present)[0]]
        .reset_index(drop=True)
        .assign(
            prune_ratio=grid.prune_ratios[grid.present],
            pairs=pairs,
            effect=mean,
            standard_deviation=spread,
            interval_low=mean - half,
            interval_high=mean + half,
            expected_pairs=missing.shape[1],
            missing_pairs=missing.sum(axis=-1),
        )
    )


def _counts(study: Assessment) -> pd.DataFrame:
    """Failing runs, and the pairs that are not in the comparison."""
    grid = study.grid
    used = np.isfinite(grid.difference) & study.seen
    sides = [
        np.where(used, _array(grid, name), np.nan)[grid.present]
        for name in ("accuracy", "accuracy_reference")
    ]
    failed = failures(sides[0], sides[1], study.rule.margin)
    table = pd.DataFrame(
        dict(zip(("failed", "failed_reference", "p_failures"), failed, strict=True)), dtype=object
    ).infer_objects()
    return table.assign(gaps=gaps(grid))


def _array(grid: Grid, column: str) -> npt.NDArray[np.float64]:
    values = np.full(grid.difference.shape, np.nan)
    values[grid.pairs["group"], grid.pairs["ratio"], grid.pairs["position"]] = grid.pairs[column]
    return values


def gaps(grid: Grid) -> list[str]:
    """Return, for every row, which pairs a comparison lacks and why."""
    rank = np.full(grid.present.shape, -1)
    rank[grid.present] = np.arange(grid.present.sum())
    lacking = grid.pairs[grid.pairs["state"] != USABLE]
    rows = rank[lacking["group"], lacking["ratio"]]
    texts = [""] * int(grid.present.sum())
    for row, own in lacking.groupby(rows):
        texts[int(str(row))] = gaps_text(own, len(grid.seeds))
    return texts


def _next(study: Assessment) -> pd.DataFrame:
    """Thresholds at the last look, the next look, and how likely it decides."""
    looks, last = np.asarray(study.rule.looks), study.last[study.grid.present]
    state = state_at(study.found, np.maximum(study.last, 0), study.asked, study.grid.present)
    begun = (last >= 0) & (state.pairs >= FEWEST_PAIRS)
    harm, within = thresholds(state, study.rule.looks, study.rule.margin)
    further = (study.word[study.grid.present] == "inconclusive") & (last + 1 < len(looks))
    following = pd.Series(looks[np.minimum(last + 1, len(looks) - 1)], dtype="Int64")
    chances = np.full(len(last), np.nan)
    chosen = np.flatnonzero(further & begun)
    if len(chosen):
        chances[chosen] = decision_probability(state.take(chosen), study.rule.looks, study.rule.margin)
    return pd.DataFrame(
        {
            "uses_below": np.where(begun & np.isfinite(harm), harm, np.nan),
            "ignores_within": np.where(begun & (within > 0), within, np.nan),
            "next_look": following.where(further),
            "probability": chances,
        }
    )
