"""The paper's tables as the page shows them: each cell with its mean, interval and gaps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from prunepipe.reports.page.formats import ABSENT, interval_of_mean, known, number, signed
from prunepipe.reports.tables import TABLES, build_table
from prunepipe.reports.tables.grid import Style, best_cells, lay_out
from prunepipe.results.labels import dataset_label, network_label, ratio_label
from prunepipe.study.study import FULL_NETWORK, Study

WORDS = Style(plus_minus=" ± ", dagger="†", double_dagger="‡", minus="−", bold=lambda text: text)
GAP = "Missing: "


def paper_tables(results: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Build the tables that a study asks for.

    Args:
        results: one row per run, see prunepipe.results.table.COLUMNS.
        study: defines the tables and their rows.
    Returns:
        One dictionary per table: title, columns, blocks of rows (one per network), notes and gaps.
    """
    return [_table(name, results, study) for name in study.tables]


def _table(name: str, results: pd.DataFrame, study: Study) -> dict[str, Any]:
    table = build_table(name, results, study)
    notes = lay_out(table, study, WORDS).notes
    places = [(dataset, ratio) for dataset in study.datasets for ratio in study.prune_ratios]
    return {
        "name": name,
        "title": TABLES[name].title,
        "datasets": [dataset_label(dataset) for dataset in study.datasets],
        "ratios": [ratio_label(ratio) for ratio in study.prune_ratios],
        "blocks": [
            {"network": network_label(network), "rows": list(_rows(table, network, study, places))}
            for network in study.networks
        ],
        "notes": [note for note in notes if not note.startswith((GAP, "The .csv file of"))],
        "gaps": [note.removeprefix(GAP) for note in notes if note.startswith(GAP)],
    }


def _rows(
    table: pd.DataFrame, network: str, study: Study, places: list[tuple[str, float]]
) -> Iterable[dict[str, Any]]:
    own = table[table["network"] == network]
    best = best_cells(table)
    for (ticket, _), rows in own.groupby(["ticket", "check"], sort=False):
        found = {(row.dataset, row.prune_ratio): row for row in rows.itertuples()}
        dense = ticket == FULL_NETWORK
        wanted = [(dataset, 0.0) for dataset in study.datasets] if dense else places
        cells = [_cell(found[place], best) for place in wanted]
        yield {"label": rows["label"].iloc[0], "dense": dense, "cells": cells}


def _cell(row: Any, best: set[int]) -> dict[str, Any]:
    published = ""
    if known(row.published_mean):
        published = f"published {number(row.published_mean)}"
        published += f" ({signed(row.difference)}, {row.replication})" if known(row.difference) else ""
    return {
        "mean": number(row.mean) if row.n else ABSENT,
        "interval": "" if row.collapsed == row.n else interval_of_mean(row.ci_low, row.ci_high, row.n),
        "best": row.Index in best,
        "collapsed": f"{row.collapsed} of {row.n}" if row.collapsed else "",
        "partial": f"{row.partial} of {row.n} partly" if row.partial else "",
        "missing": "" if row.n == row.expected else f"{row.n} of {row.expected} runs",
        "published": published,
    }
