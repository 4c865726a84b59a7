"""From results to paired differences: which runs belong together, and why a pair cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from prunepipe.errors import ArtifactError

METHOD = ["study", "dataset", "network", "ticket"]
RUN = [*METHOD, "check", "prune_ratio", "seed"]
OUTCOME = ["accuracy", "loss", "collapsed", "status", "cause"]
KNOWN = [*OUTCOME, "partial"]
"""What is known of a run after `checked_results`."""
DAMAGE = ("unreachable_outputs", "narrow_layers")
"""Columns that count what a partial layer collapse has cut off; results of older versions lack some."""

NOT_LISTED = "no such run in the results"
"""Why a run is missing that the study does not list."""
USABLE, COLLAPSED, MISSING, NOT_A_NUMBER = "usable", "collapsed", "missing", "not a number"
"""States of a pair. Collapse comes first: it follows from the mask, not from the accuracy, and no new run mends it."""
SIDES = ("", "_reference")
"""Column suffixes of the two runs of a pair."""


def checked_results(results: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that comparisons need, in a known order and with known types.

    Args:
        results: long form, one row per run (RUN and OUTCOME columns; accuracy in percent).
    Returns:
        A frame of RUN + KNOWN; accuracy and loss are floats, collapsed is bool, partial says whether a network that did
        not collapse has classes on no path, or layers cut to a few units.
    Raises:
        ArtifactError: a missing column, an empty key, a run listed twice, an accuracy that is not a percentage.
    """
    absent = [column for column in RUN + OUTCOME if column not in results]
    if absent:
        raise ArtifactError(f"results: no column {', '.join(absent)}; collect the results again.")
    runs = results[RUN + OUTCOME].reset_index(drop=True)
    empty = [column for column in RUN if runs[column].isna().any()]
    if empty:
        raise ArtifactError(
            f"results: empty values in column {', '.join(empty)}; every run needs all of {RUN}."
        )
    if runs.duplicated(RUN).any():
        twice = runs.loc[runs.duplicated(RUN), RUN].iloc[0].to_dict()
        raise ArtifactError(f"results: the run {twice} is listed twice; keep one row per run.")
    accuracy, loss = (_numbers(runs, column) for column in ("accuracy", "loss"))
    if (np.isfinite(accuracy) & ~accuracy.between(0, 100)).any():
        raise ArtifactError(
            f"results: accuracies from {accuracy.min()} to {accuracy.max()}; expected percent, 0-100."
        )
    collapsed = [value in {True, "True"} for value in runs["collapsed"]]  # empty where the run is missing
    partial = partly_collapsed(results).to_numpy() & ~np.asarray(collapsed, bool)
    return runs.assign(accuracy=accuracy, loss=loss, collapsed=collapsed, partial=partial)


def partly_collapsed(results: pd.DataFrame) -> pd.Series[bool]:
    """Return for every run whether some of its classes are on no path, or layers are cut to a few units.

    Args:
        results: long form, one row per run; a column of DAMAGE that is not there counts as 0.
    """
    known = [pd.to_numeric(results[name]).fillna(0) for name in DAMAGE if name in results]
    damage = sum(known, start=pd.Series(0.0, results.index))
    return damage > 0


def _numbers(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    try:
        return pd.to_numeric(runs[column]).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ArtifactError(
            f"results: column {column} holds values that are not numbers ({error})."
        ) from error


def pair_runs(
    cells: pd.DataFrame,
    changed: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    on: Sequence[str],
    names: tuple[str, str],
) -> pd.DataFrame:
    """Add to every expected cell the difference of its two runs and the state of the pair.

    Args:
        cells: one row per pair that should exist.
        changed: runs (from checked_results) whose keys are those of RUN that `cells` has.
        reference: runs that they are compared with, whose keys are `on`.
        on: key columns that both sides share.
        names: what to call the two sides in a cause, for example ("with the check", "without").
    Returns:
        `cells` in their order with difference (changed minus reference, points; NaN unless usable), state,
        known (both runs are done and measured), identical (same accuracy and same loss: it is the same run), cause
        (of a pair that is not usable), and of both runs (suffix "_reference" for the second) accuracy, collapsed and
        partial.
    """
    keys = [column for column in RUN if column in cells]
    pairs = cells.merge(changed[keys + KNOWN], how="left", on=keys)
    pairs = pairs.merge(reference[[*on, *KNOWN]], how="left", on=list(on), suffixes=SIDES)
    bad = {
        COLLAPSED: [pairs[f"collapsed{side}"].eq(True).to_numpy(bool) for side in SIDES],
        MISSING: [pairs[f"status{side}"].ne("done").to_numpy(bool) for side in SIDES],
        NOT_A_NUMBER: [~np.isfinite(pairs[f"accuracy{side}"].to_numpy(float)) for side in SIDES],
    }
    state = np.select([first | second for first, second in bad.values()], list(bad), USABLE)
    difference = (pairs["accuracy"] - pairs["accuracy_reference"]).where(state == USABLE)
    identical = (difference == 0) & (pairs["loss"] == pairs["loss_reference"])
    unknown = np.logical_or.reduce([*bad[MISSING], *bad[NOT_A_NUMBER]])
    sides = {}
    for side, collapsed in zip(SIDES, bad[COLLAPSED], strict=True):
        sides[f"accuracy{side}"] = pairs[f"accuracy{side}"].to_numpy()
        sides[f"collapsed{side}"] = collapsed
        sides[f"partial{side}"] = pairs[f"partial{side}"].eq(True).to_numpy(bool)
    return cells.assign(
        difference=difference.to_numpy(),
        state=state,
        known=~unknown,
        identical=identical.to_numpy(),
        cause=_why(pairs, state, bad, names),
        **sides,
    )


def _why(
    pairs: pd.DataFrame,
    state: npt.NDArray[np.str_],
    bad: dict[str, list[npt.NDArray[np.bool_]]],
    names: tuple[str, str],
) -> list[str]:
    """Return, for every pair that cannot be compared, which side is the reason."""
    said = [_causes(pairs[f"cause{side}"], pairs[f"status{side}"]) for side in SIDES]
    causes = [""] * len(pairs)
    for row in np.flatnonzero(state != USABLE).tolist():
        sides = [k for k in (0, 1) if bad[state[row]][k][row]]
        detail = [said[k][row] if state[row] == MISSING else "" for k in sides]
        causes[row] = " and ".join(names[k] + text for k, text in zip(sides, detail, strict=True))
    return causes


def _causes(causes: pd.Series[str], statuses: pd.Series[str]) -> list[str]:
    """Return the cause for every run, for use where it is missing."""
    return [
        f": {NOT_LISTED}"
        if not isinstance(status, str)
        else f": {cause if isinstance(cause, str) and cause else 'no cause given'}"
        for cause, status in zip(causes, statuses, strict=True)
    ]
