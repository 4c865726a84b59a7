"""Find the tests that are not decided yet."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from prunepipe.verdicts.grid import GROUP

OPEN_COLUMNS = [*GROUP, "prune_ratio", "look", "next_look", "probability", "seeds"]


def open_tests(verdicts: pd.DataFrame, seeds: Sequence[int]) -> pd.DataFrame:
    """Return the comparisons and prune ratios that a further look can decide, and the seeds that it takes.

    Args:
        verdicts: from `prunepipe.verdicts.verdicts.verdicts`, of one study.
        seeds: of the study, in its order; as many as the last look, or the looks beyond them are left out.
    Returns:
        One row per open test with OPEN_COLUMNS: `seeds` are all seeds of the next look, as a tuple, each of which
        needs the run under the check and its partner without; likeliest decision first.
    """
    rows = verdicts[verdicts["next_look"].notna()]
    rows = rows[rows["next_look"] <= len(seeds)]
    rows = rows.assign(
        seeds=pd.Series([tuple(seeds[: int(look)]) for look in rows["next_look"]], rows.index, dtype=object)
    )
    return rows.sort_values("probability", ascending=False, kind="stable")[OPEN_COLUMNS].reset_index(
        drop=True
    )
