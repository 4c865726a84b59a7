"""Describe what results were made with: settings, code, device, precision, data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pandas as pd

from prunepipe.study.study import Study

SOURCES = ["version", "code", "device", "precision", "data_checksum"]
"""Columns of the results that record what a run was made with."""

UNTRAINED = "none"
"""Device of a collapsed ticket, which is not trained."""


def settings_id(study: Study) -> str:
    """Return a checksum of all settings of a study."""
    return hashlib.sha256(study.model_dump_json().encode()).hexdigest()[:12]


def distinct(values: Iterable[object]) -> str:
    """Return the distinct values in order of appearance, separated by commas, without that of untrained runs."""
    known = (value for value in values if pd.notna(value) and value not in {"", UNTRAINED})  # type: ignore[call-overload]
    return ", ".join(dict.fromkeys(map(str, known)))


def with_sources(frame: pd.DataFrame, done: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Add what their runs were made with, `settings` and SOURCES, to rows about methods.

    Args:
        frame: has a column ticket, and columns dataset and network if its rows are about one of each.
        done: the runs with results.
        study: the study that they belong to.
    """
    keys = [key for key in ("dataset", "network", "ticket") if key in frame]
    made = done.groupby(keys)[SOURCES].agg(distinct)
    return frame.assign(settings=settings_id(study)).merge(made, how="left", left_on=keys, right_index=True)
