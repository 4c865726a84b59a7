"""The page's table of how well the state before retraining predicts the accuracy after it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from prunepipe.reports.page.formats import ABSENT, interval, signed
from prunepipe.results.labels import place_text, ticket_label
from prunepipe.verdicts.prediction import BEFORE, predictions


def prediction_rows(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row per data set, network and method: cells, and a correlation with its interval per measure."""
    return [
        {
            "method": ticket_label(str(row["ticket"])),
            "place": place_text(str(row["dataset"]), str(row["network"])),
            "cells": int(row["cells"]),
            **{name: _text(row, name) for name in BEFORE},
        }
        for row in predictions(results).to_dict("records")
    ]


def _text(row: dict[Any, Any], name: str) -> str:
    rho, low, high = (row[f"{name}_{part}"] for part in ("rho", "low", "high"))
    found = interval(low, high, with_sign=True)
    return f"{signed(rho)} {found}".strip() if rho == rho else ABSENT
