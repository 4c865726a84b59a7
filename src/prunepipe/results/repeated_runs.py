"""Find runs that start alike although they should differ: two seeds, or a check and its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK

SEEDS_OF = ("dataset", "network", "ticket", "check", "prune_ratio")
CHECKS_OF = ("dataset", "network", "ticket", "prune_ratio", "seed")


def notes(runs: pd.DataFrame) -> list[str]:
    """Return a note for every run that starts like another run that should differ; an empty text for all others.

    Args:
        runs: one row per run: its place in the study, and `start`, a checksum of its start weights,
            mask and training data. It is empty for runs that were not trained.

    Returns:
        One text per row. Seeds that start alike are not independent repetitions. A run that starts like the run without
        the check repeats it: the check changed nothing.
    """
    said: list[list[str]] = [[] for _ in range(len(runs))]
    known = runs["start"].map(lambda start: isinstance(start, str) and start != "")
    rows = runs.assign(row=range(len(runs)))[known.astype(bool)].to_dict("records")
    for row, first in _repeats(rows, SEEDS_OF):
        said[row["row"]].append(f"starts from the same weights and mask as seed {first['seed']}")
    for row, first in _repeats(rows, CHECKS_OF):
        if NO_CHECK in (row["check"], first["check"]):
            place = row if first["check"] == NO_CHECK else first
            what = "training data and weights are" if row["ticket"] == FULL_NETWORK else "the ticket is"
            said[place["row"]].append(f"the check changed nothing: {what} the same without it")
    return ["; ".join(texts) for texts in said]


def _repeats(
    rows: Sequence[dict[Any, Any]], place: tuple[str, ...]
) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Return the rows that start like an earlier row with the same place, each with that earlier row."""
    first: dict[tuple[Any, ...], dict[Any, Any]] = {}
    found = []
    for row in rows:
        key = (*(row[name] for name in place), row["start"])
        found += [(row, first[key])] if key in first else []
        first.setdefault(key, row)
    return found
