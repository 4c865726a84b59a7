"""Does a method use what the check destroyed? One word for every method and check."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from prunepipe.verdicts.pairing import USABLE
from prunepipe.verdicts.pooling import (
    COUNT_COLUMNS,
    GROUP,
    POOLED_COLUMNS,
    check_pairs,
    comparisons,
    counts,
    pool,
    side_by_side,
)
from prunepipe.verdicts.sanity import SANITY_CHECKS, method_summaries
from prunepipe.verdicts.statistics import EFFECT_COLUMNS, holm, paired_effects, seeds_to_decide
from prunepipe.verdicts.wording import reason

__all__ = [
    "PRUNE_RATIO_COLUMNS",
    "SANITY_CHECKS",
    "VERDICT_COLUMNS",
    "WORDS",
    "method_summaries",
    "prune_ratio_effects",
    "verdicts",
]

WORDS = ("ignores", "uses", "inconclusive", "collapsed")
VERDICT_COLUMNS = [
    *(*GROUP, "verdict", "effect", "interval_low", "interval_high", "interval_level", "standard_deviation"),
    *("seeds", "expected_seeds", "pairs", "expected_pairs", "collapsed_pairs", "missing_pairs"),
    *("prune_ratios", "worst_prune_ratio", "worst_effect", "margin", "p_worse", "p_better", "p_equivalent"),
    *("p_uses", "p_ignores", "p_gains", "family_size", "significance", "seeds_to_decide", "gaps", "reason"),
]
ADJUSTED = {"p_uses": "p_worse", "p_ignores": "p_equivalent", "p_gains": "p_better"}
"""Each adjusted p-value, and the raw one that it comes from."""
PRUNE_RATIO_COLUMNS = [*GROUP, "prune_ratio", *EFFECT_COLUMNS, *COUNT_COLUMNS]


def verdicts(results: pd.DataFrame, *, margin: float, significance: float = 0.05) -> pd.DataFrame:
    """Judge every method x network x data set x check of each study, over its prune ratios and seeds.

    The unit is the seed: what one seed gives at several prune ratios shares a dense run, so the differences
    (check minus none, same seed and prune ratio) are first averaged over the prune ratios. Pairs with a
    collapsed side, a missing run or a NaN accuracy are set aside and reported; the rest is pooled as a
    complete block of prune ratios x seeds. The family for Holm is all rows of a study that could be tested,
    once for harm, once for equivalence and once for gain.

    - ignores: equivalent within the margin. It wins over `uses` if an effect is significant but shown to be
      smaller than the margin: the margin says what matters. Also if all runs are identical to those without the
      check: nothing is left to chance, and no test is made.
    - uses: significantly worse, and not shown to be within the margin.
    - collapsed: in every pair a network has no path from input to output; this is never read as harm.
    - inconclusive: anything else, one seed included; seeds_to_decide says how many seeds would decide. Also if
      the check makes the accuracy better by more than chance: the method is not indifferent to it, but what it
      uses cannot be told from a gain, and more seeds do not change that (p_gains, no seeds_to_decide).

    Args:
        results: long form, one row per run; accuracy in percent; the unpruned full_network is passed over.
        margin: points of accuracy that count as no difference, > 0.
        significance: one-sided family-wise error rate, for wrong `uses` and for wrong `ignores` each.
    Returns:
        One row per group with VERDICT_COLUMNS. effect (negative = the check hurts) and its interval (level
        1 - 2 significance) are in points; p_worse, p_equivalent (TOST) and p_better are raw; p_uses, p_ignores
        and p_gains are the same three adjusted; worst_effect is the mean at the pooled prune ratio where it is
        lowest; missing_pairs include NaN accuracies.
    Raises:
        ConfigError: margin or significance is out of bounds.
        ArtifactError: the results cannot be read as one row per run.
    """
    pooled = [pool(comparison) for comparison in comparisons(check_pairs(results))]
    differences = side_by_side([column for _, column in pooled])
    effects = paired_effects(differences, margin=margin, significance=significance)
    table = pd.DataFrame([row for row, _ in pooled], columns=POOLED_COLUMNS).join(effects)
    table = table.assign(margin=margin, significance=significance, interval_level=1 - 2 * significance)
    table = _adjusted(_without_tests_of_identical_runs(table))
    table["verdict"] = _words(table, significance)
    table["seeds_to_decide"] = _needed(table, margin, significance)
    table["reason"] = [
        reason({str(key): value for key, value in row.items()}) for row in table.to_dict("records")
    ]
    return table[VERDICT_COLUMNS]


def prune_ratio_effects(results: pd.DataFrame, *, margin: float, significance: float = 0.05) -> pd.DataFrame:
    """Describe the effect of every check at each single prune ratio; outside the family, so without a word.

    Args:
        results: as for `verdicts`.
        margin: in points, > 0.
        significance: the interval has level 1 - 2 significance.
    Returns:
        One row per group and prune ratio with PRUNE_RATIO_COLUMNS; the p-values are not adjusted.
    """
    rows, columns = [], []
    for comparison in comparisons(check_pairs(results)):
        for position, prune_ratio in enumerate(comparison.table("prune_ratio")[:, 0]):
            own = comparison.at_prune_ratio(position)
            own_counts = counts(own, own.table("state") == USABLE)
            rows.append({**own.group, "prune_ratio": prune_ratio, **own_counts})
            columns.append(own.table("difference")[0])
    effects = paired_effects(side_by_side(columns), margin=margin, significance=significance)
    table = pd.DataFrame(rows, columns=[*GROUP, "prune_ratio", *COUNT_COLUMNS])
    return table.join(effects)[PRUNE_RATIO_COLUMNS]


def _without_tests_of_identical_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Take rows of identical runs out of the family: their verdict is a fact (but never from one seed)."""
    table["identical"] = table["identical"].eq(True) & (table["seeds"] >= 2)
    table.loc[table["identical"], ["p_worse", "p_better", "p_equivalent"]] = np.nan
    table.loc[table["identical"], ["interval_low", "interval_high"]] = 0.0
    return table


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Add ADJUSTED p-values and family_size: Holm within each study."""
    by_study = table.groupby("study")
    adjusted = {name: by_study[raw].transform(holm) for name, raw in ADJUSTED.items()}
    family_size = by_study["p_worse"].transform("count").astype(int)
    return table.assign(**adjusted, family_size=family_size)


def _words(table: pd.DataFrame, significance: float) -> npt.NDArray[np.str_]:
    nothing_but_collapse = (table["collapsed_pairs"] > 0) & (
        table["collapsed_pairs"] == table["expected_pairs"]
    )
    conditions = {
        "collapsed": nothing_but_collapse,
        "ignores": table["identical"] | (table["p_ignores"] <= significance),
        "uses": table["p_uses"] <= significance,
    }
    return np.select(list(conditions.values()), list(conditions), "inconclusive")


def _needed(table: pd.DataFrame, margin: float, significance: float) -> pd.Series[int]:
    """Seeds that would decide the inconclusive rows; empty where the spread is unknown or the check shows a gain."""
    needed = pd.Series(pd.NA, index=table.index, dtype="Int64")
    gains = table["p_gains"] <= significance
    gains |= table["effect"] >= margin  # more seeds would show a gain, which decides nothing
    undecided = (table["verdict"] == "inconclusive") & (table["seeds"] >= 2) & ~gains
    for position, row in enumerate(table.to_dict("records")):
        if undecided.iat[position]:
            needed.iat[position] = seeds_to_decide(
                row["effect"],
                row["standard_deviation"],
                margin=margin,
                significance=significance,
                family_size=row["family_size"],
            )
    return needed
