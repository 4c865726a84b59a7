"""Does a method use what the check destroyed? One word for every method, check and prune ratio."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from prunepipe.errors import ConfigError
from prunepipe.verdicts.assessment import Rule, assess
from prunepipe.verdicts.grid import grids
from prunepipe.verdicts.looks import USUAL_LOOKS
from prunepipe.verdicts.rows import EFFECT_COLUMNS, VERDICT_COLUMNS, effect_rows, verdict_rows
from prunepipe.verdicts.statistics import require_levels


def verdicts(
    results: pd.DataFrame,
    *,
    margin: float,
    significance: float = 0.05,
    looks: Sequence[int] = USUAL_LOOKS,
    seeds: Sequence[int] | None = None,
    at_chance: Collection[tuple[str, str]] = (),
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
        at_chance: (data set, network) where the dense network is at chance; nothing is judged there.
    Returns:
        One row a comparison and prune ratio with VERDICT_COLUMNS. look: seeds of the last look reached, 0 = none;
        effect (negative = the check hurts), interval (of this look alone, level 1 - 2 significance) and thresholds in
        points; p_* are sequential and adjusted for the family; collapsed and failed count runs; next_look is empty
        where nothing is open; probability: of a decision there.
    Raises:
        ConfigError: margin, significance or looks are out of bounds.
        ArtifactError: the results cannot be read as one row a run, or hold a seed that is not in the list.
    """
    rule = _rule(margin, significance, looks)
    tables = [verdict_rows(assess(grid, rule, at_chance)) for grid in grids(results, seeds)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=VERDICT_COLUMNS)


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
    rule = _rule(margin, 0.05, looks)
    tables = [effect_rows(assess(grid, rule)) for grid in grids(results, seeds)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EFFECT_COLUMNS)


def _rule(margin: float, significance: float, looks: Sequence[int]) -> Rule:
    require_levels(margin, significance)
    listed = ", ".join(map(str, looks))
    if not looks or looks[0] < 3:
        raise ConfigError(
            f"verdict.looks: [{listed}] must begin with 3 seeds or more; fewer show no spread, for example [3, 5, 8]."
        )
    if list(looks) != sorted(set(looks)):
        raise ConfigError(f"verdict.looks: [{listed}] must ascend, for example [3, 5, 8, 12, 20].")
    return Rule(margin, significance, tuple(looks))
