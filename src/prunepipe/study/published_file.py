"""Read a user's file of published numbers, and refuse a bad one in one line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from prunepipe.errors import ConfigError
from prunepipe.study.built_in import NO_CHECK

NEEDED = ("dataset", "network", "prune_ratio", "ticket", "accuracy_mean", "accuracy_std", "n")
"""Columns; `check` may be added. Other columns are ignored."""


class PublishedCell(NamedTuple):
    """Published numbers of one cell: accuracies in percent; std and n None where not given."""

    dataset: str
    network: str
    prune_ratio: float
    ticket: str
    check: str
    mean: float
    std: float | None
    n: int | None


Place = tuple[str, str, float, str, str]
"""(data set, network, prune ratio, ticket, check) of a cell."""


def read_published(path: Path) -> list[PublishedCell]:
    """Read published numbers from a .csv file with the columns NEEDED, and perhaps `check`.

    Raises:
        ConfigError: it cannot be read, lacks a column, or a value is impossible; the message names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = "no such file" if not path.exists() else f"not a .csv file in UTF-8 ({error})"
        raise ConfigError(f"published: {path}: {reason}.") from error
    absent = [name for name in NEEDED if name not in columns]
    if absent:
        raise ConfigError(
            f"published: {path}: no column {', '.join(absent)}; its columns are: "
            f"{', '.join(columns) or 'none'}. Columns are separated by commas."
        )
    cells = [_cell(f"published: {path}, line {line}", row) for line, row in rows]
    if cells and all(cell.mean <= 1 for cell in cells):
        raise ConfigError(
            f"published: {path}: every accuracy_mean is at most 1; accuracies must be in percent, such as 93.5."
        )
    places = Counter(place_of(*cell[:5]) for cell in cells)
    for place, rows_about in places.items():
        if rows_about > 1:
            raise ConfigError(f"published: {path}: two rows are about {place}; keep one.")
    return cells


def refuse_unrelated(path: Path, cells: Iterable[PublishedCell], places: Iterable[Place]) -> None:
    """Refuse published numbers of which none belongs to a study.

    Args:
        path: of the file.
        cells: what it holds.
        places: of every cell of the study.

    Raises:
        ConfigError: the message shows a row and a cell of the study.
    """
    known = {place_of(*place) for place in places}
    held = [place_of(*cell[:5]) for cell in cells]
    if known.isdisjoint(held):
        first = f"its first row is {held[0]}" if held else "it has no rows"
        raise ConfigError(
            f"published: {path}: no row is a cell of this study; {first}, a cell of the study is {min(known)} "
            "(dataset, network, prune_ratio, ticket, check)."
        )


def place_of(dataset: str, network: str, prune_ratio: float, ticket: str, check: str) -> Place:
    """Return a cell's place; prune ratios are compared to four decimals, as they are printed."""
    return dataset, network, round(prune_ratio, 4), ticket, check


def _cell(where: str, row: Mapping[str, str | None]) -> PublishedCell:
    text = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    cell = PublishedCell(
        text["dataset"],
        text["network"],
        _number(where, "prune_ratio", text["prune_ratio"], 0.0, 1.0),
        text["ticket"],
        text.get("check") or NO_CHECK,
        _number(where, "accuracy_mean", text["accuracy_mean"], 0.0, 100.0),
        _number(where, "accuracy_std", text["accuracy_std"], 0.0, 100.0) if text["accuracy_std"] else None,
        int(_number(where, "n", text["n"], 1.0, 1e6)) if text["n"] else None,
    )
    if text["n"] and float(text["n"]) != cell.n:
        raise ConfigError(f"{where}: n is {text['n']}, must be a whole number of runs.")
    if cell.prune_ratio == 1:
        raise ConfigError(f"{where}: prune_ratio is 1, must be below 1.")
    return cell


def _number(where: str, name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{where}: {name} is '{text}', must be a number.") from None
    if not low <= value <= high:
        hint = ", a share and not percent" if name == "prune_ratio" else ""
        raise ConfigError(f"{where}: {name} is {text}, must be from {low:g} to {high:g}{hint}.")
    return value
