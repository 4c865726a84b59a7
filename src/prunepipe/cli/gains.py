"""Where the accuracy of every method of a study comes from, side by side: layer ratios, positions, weight values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prunepipe.cli.verdict import csv_rows

GAINS = "tables/decomposition.csv"
PLACE = ("dataset", "network", "prune_ratio")
NOTHING = "-"


def gains_lines(results: Path) -> list[str]:
    """Return one table per place: a row for each part of the gain over uniform random pruning, a column per method.

    Args:
        results: the folder that holds tables/; without a decomposition there are no tables.
    """
    if not (results / GAINS).is_file():
        return []
    rows = [row for row in csv_rows(results / GAINS) if row.get("gain")]
    places = dict.fromkeys(tuple(row[key] for key in PLACE) for row in rows)
    lines: list[str] = []
    for place in places:
        here = [row for row in rows if tuple(row[key] for key in PLACE) == place]
        dataset, network, ratio = place
        level = f"{float(here[0]['interval_level']):.0%}"
        lines += ["", f"Gain in points ({level} interval) at prune ratio {ratio}, {network} on {dataset}:"]
        lines += _table(here)
    return lines[1:]


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    methods = list(dict.fromkeys(row["ticket"] for row in rows))
    parts = list(dict.fromkeys(row["part"] for row in rows))
    cells = {(row["part"], row["ticket"]): _gain(row) for row in rows}
    table = [["", *methods]]
    table += [[part, *(cells.get((part, method), NOTHING) for method in methods)] for part in parts]
    widths = [max(len(line[column]) for line in table) for column in range(len(methods) + 1)]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def _gain(row: dict[str, str]) -> str:
    if not row.get("interval_low"):
        return f"{float(row['gain']):+z.2f}"
    return f"{float(row['gain']):+z.2f} ({float(row['interval_low']):+z.2f} to {float(row['interval_high']):+z.2f})"
