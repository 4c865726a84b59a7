"""Does a method use what the check destroyed? One word for every method, check and prune ratio."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from prunepipe.study.rows import VerdictRule
from prunepipe.verdicts.assessment import Assessment, assess
from prunepipe.verdicts.grid import grids
from prunepipe.verdicts.rows import EFFECT_COLUMNS, VERDICT_COLUMNS, effect_rows, verdict_rows


def assessments(
    results: pd.DataFrame,
    rule: VerdictRule,
    *,
    seeds: Sequence[int] | None = None,
    at_chance: Collection[tuple[str, str]] = (),
) -> list[Assessment]:
    """Test every method x network x data set x check of each study at every prune ratio.

    A look is reached when the first so many seeds of the list have both runs; it uses these seeds and no others. See
    docs/verdicts.md for the tests.

    Args:
        results: long form, one row per run; accuracy in percent; the unpruned full_network is ignored.
        rule: margin, significance and looks.
        seeds: in the order in which they are looked at; default: ascending.
        at_chance: (data set, network) where the dense network is at chance; nothing is judged there.
    Raises:
        ArtifactError: the results cannot be read as one row per run, or hold a seed that is not in the list.
    """
    return [assess(grid, rule, at_chance) for grid in grids(results, seeds)]


def verdicts(assessed: Iterable[Assessment]) -> pd.DataFrame:
    """Return the word of every comparison at every prune ratio; `prunepipe.verdicts.words.words` defines the words.

    Args:
        assessed: from `assessments`.
    Returns:
        One row per comparison and prune ratio with VERDICT_COLUMNS. look: seeds of the last look reached, 0 = none;
        effect (negative = the check hurts), interval (of this look alone, level 1 - 2 significance) and thresholds in
        points; p_* are sequential and adjusted for the family; collapsed and failed count runs; next_look is empty
        where nothing is open; probability: of a decision there.
    """
    tables = [verdict_rows(one) for one in assessed]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=VERDICT_COLUMNS)


def effects_by_look(assessed: Iterable[Assessment]) -> pd.DataFrame:
    """Describe the effect of every check at each prune ratio and look that is reached.

    Args:
        assessed: from `assessments`.
    Returns:
        One row per comparison, prune ratio and look with EFFECT_COLUMNS; p-values are sequential, not adjusted.
    """
    tables = [effect_rows(one) for one in assessed]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EFFECT_COLUMNS)
