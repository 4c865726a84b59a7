"""The tables of an assessed study: one row per comparison and prune ratio."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prunepipe.verdicts.assessment import Assessment
from prunepipe.verdicts.boundaries import decision_probability, state_at, thresholds
from prunepipe.verdicts.failures import failures
from prunepipe.verdicts.grid import GROUP, Grid, array_of
from prunepipe.verdicts.pairing import USABLE
from prunepipe.verdicts.peers import FEWEST_PAIRS
from prunepipe.verdicts.picture import picture
from prunepipe.verdicts.statistics import paired_intervals
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
COUNTED = ("collapsed", "collapsed_reference", "partial", "partial_reference")
"""Arrays of a grid whose runs are counted."""

EFFECT_COLUMNS = [
    *(*GROUP, "prune_ratio", "look", "pairs", "effect", "standard_deviation"),
    *("p_harm", "p_equivalence", "p_gain", "p_collapse"),
]


def verdict_rows(study: Assessment) -> pd.DataFrame:
    """Return the rows of a study with VERDICT_COLUMNS, see `prunepipe.verdicts.verdicts.verdicts`."""
    present, rule = study.grid.present, study.rule
    stopped = np.broadcast_to(study.stopped[:, None], present.shape)[present]
    names = ("p_uses", "p_ignores", "p_gains", "p_collapses")
    table = pd.concat([facts(study), _failures(study), _next(study)], axis=1).assign(
        **{name: p_values[present] for name, p_values in zip(names, study.shown, strict=True)},
        verdict=study.word[present],
        stopped=stopped,
        identical=study.grid.same[present],
        incomparable=study.incomparable[present],
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
    """Return one row per comparison, prune ratio and look that is reached, with EFFECT_COLUMNS."""
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
    """Return what the seeds of the last look show of every comparison: effect, interval, counts of runs, gaps."""
    grid, rule, present = study.grid, study.rule, study.grid.present
    used = np.where(study.seen, grid.difference, np.nan)[present]  # [rows, seeds]
    missing = ~grid.known[present]
    counts = {name: (getattr(grid, name) & study.seen).sum(axis=-1)[present] for name in COUNTED}
    groups = grid.groups.iloc[np.nonzero(present)[0]].reset_index(drop=True)
    return groups.join(paired_intervals(used, rule.significance)).assign(
        **counts,
        prune_ratio=grid.prune_ratios[present],
        interval_level=1 - 2 * rule.significance,
        look=np.where(study.last >= 0, np.asarray(rule.looks)[study.last], 0)[present],
        expected_pairs=missing.shape[1],
        missing_pairs=missing.sum(axis=-1),
        gaps=gaps(grid),
        margin=rule.margin,
        significance=rule.significance,
    )


def _failures(study: Assessment) -> pd.DataFrame:
    """Count the failing runs among the pairs that are compared."""
    grid = study.grid
    used = np.isfinite(grid.difference) & study.seen
    checked, reference = (
        np.where(used, array_of(grid.pairs, name, used.shape, np.nan), np.nan)[grid.present]
        for name in ("accuracy", "accuracy_reference")
    )
    failed = failures(checked, reference, study.rule.margin)
    return pd.DataFrame(
        {"failed": failed.checked, "failed_reference": failed.reference, "p_failures": failed.p_value}
    )


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
