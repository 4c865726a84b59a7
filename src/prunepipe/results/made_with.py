"""What results were made with, in words: settings, code, device, precision, data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pandas as pd

from prunepipe.study.study import Study

SOURCES = ["version", "code", "device", "precision", "data_checksum"]
"""Columns of the results that say what a run was made with."""

UNTRAINED = "none"
"""Device of a collapsed ticket, which is not trained."""


def settings_id(study: Study) -> str:
    """Return a checksum of all that a study sets."""
    return hashlib.sha256(study.model_dump_json().encode()).hexdigest()[:12]


def distinct(values: Iterable[object]) -> str:
    """Return the different values, in order of appearance, separated by commas; that of no device is left out."""
    known = (value for value in values if pd.notna(value) and value not in {"", UNTRAINED})  # type: ignore[call-overload]
    return ", ".join(dict.fromkeys(map(str, known)))


def with_sources(frame: pd.DataFrame, done: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return rows about methods with what their runs were made with: `settings` and SOURCES.

    Args:
        frame: with a column ticket, and dataset and network where its rows are about one of each.
        done: the runs that have results.
        study: that they belong to.
    """
    keys = [key for key in ("dataset", "network", "ticket") if key in frame]
    made = done.groupby(keys)[SOURCES].agg(distinct)
    return frame.assign(settings=settings_id(study)).merge(made, how="left", left_on=keys, right_index=True)
