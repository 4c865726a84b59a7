"""The paper's layout of a table, common to Markdown and LaTeX: texts of the cells, and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunepipe import __version__
from prunepipe.reports.tables.published import published_source
from prunepipe.reports.tables.specs import spec_of
from prunepipe.results.labels import dataset_label, network_label, place_text, ratio_label, row_label
from prunepipe.results.made_with import UNTRAINED, settings_id
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.replication import FEWEST_RUNS

ABSENT = "-"
SAME_BUDGET = 0.01
"""Numbers of training images that differ by no more than this share count as equal."""
SEEDS_OF_EQUALS = 3
"""Seeds of the best cell from which on others can be its equals."""


@dataclass(frozen=True)
class Line:
    """One line of a table: its label and the content of each cell; None where there is no cell."""

    label: str
    cells: list[Any]
    dense: bool = False


@dataclass(frozen=True)
class Layout:
    """A table, ready to be written in a format.

    Attributes:
        title: caption.
        columns: (data set, prune ratios) from left to right.
        blocks: (network, its lines) from top to bottom.
        notes: sentences below the table.
    """

    title: str
    columns: list[tuple[str, list[str]]]
    blocks: list[tuple[str, list[Line]]]
    notes: list[str]


def lay_out(table: pd.DataFrame, study: Study, write: Callable[[Any, bool], Any] | None = None) -> Layout:
    """Lay out a tidy table: data sets and prune ratios as columns, one block of rows per network.

    Args:
        table: from build_table.
        study: the study that it was built for.
        write: returns the content of a cell, given its row of the table and whether it is among the best; default: its
            text, **bold** if it is, with lines for the published numbers.
    """
    keys = table[["network", "ticket", "check", "dataset", "prune_ratio"]].itertuples(index=False, name=None)
    cells = dict(zip(keys, table.itertuples(), strict=True))
    best = best_cells(table)
    places = [(dataset, ratio) for dataset in study.datasets for ratio in study.prune_ratios]
    labels = dict(zip(zip(table["ticket"], table["check"], strict=True), table["label"], strict=True))
    blocks = []
    for network in study.networks:
        lines = []
        for (ticket, check), label in labels.items():
            found = [cells.get((network, ticket, check, *_place(study, ticket, *place))) for place in places]
            dense = ticket == FULL_NETWORK
            lines.append(
                Line(label, [cell and (write or _text)(cell, cell.Index in best) for cell in found], dense)
            )
            lines += [] if write else _published_lines(found, dense)
        blocks.append((network_label(network), lines))
    ratios = [ratio_label(ratio) for ratio in study.prune_ratios]
    return Layout(
        spec_of(str(table["table"].iloc[0])).title,
        [(dataset_label(dataset), ratios) for dataset in study.datasets],
        blocks,
        _notes(table, study),
    )


def _place(study: Study, ticket: str, dataset: str, ratio: float) -> tuple[str, float | None]:
    """Return the place of a column's cell; the full network has one for all ratios, in the first column."""
    if ticket != FULL_NETWORK:
        return dataset, ratio
    return dataset, 0.0 if ratio == study.prune_ratios[0] else None


def _published_lines(found: list[Any], dense: bool) -> list[Line]:
    if not any(cell and pd.notna(cell.published_mean) for cell in found):
        return []
    return [
        Line(name, [cell and write(cell) for cell in found], dense)
        for name, write in (("published", _published), ("ours − published", _difference))
    ]


def best_cells(table: pd.DataFrame) -> set[int]:
    """Return the index of the cells to print in bold: the best of each column and block, and its equals.

    An equal is a cell whose mean lies in the confidence interval of the best. The interval of fewer than
    SEEDS_OF_EQUALS seeds is too wide to say so, and equal seeds have none; then only the best is bold. The full network
    and cells that collapsed for every seed do not compete.
    """
    competes = table["mean"].notna() & (table["collapsed"] < table["n"]) & (table["ticket"] != FULL_NETWORK)
    rivals = table[competes]
    chosen: set[int] = set()
    for _, column in rivals.groupby(["dataset", "network", "prune_ratio"]):
        best = column["mean"].to_numpy().argmax()
        top, low, runs = column[["mean", "ci_low", "n"]].iloc[best]
        least = low if runs >= SEEDS_OF_EQUALS and pd.notna(low) else top
        chosen |= set(column.index[column["mean"] >= least])
    return chosen


def _text(cell: Any, bold: bool) -> str:
    count = "" if cell.n == cell.expected else f" (n={cell.n}/{cell.expected})"
    if cell.n == 0:
        return ABSENT + count
    number = f"{cell.mean:.2f}"
    if cell.n > 1 and cell.collapsed < cell.n:
        number += f" ± {cell.std:.2f}"
    number = f"**{number}**" if bold else number
    for mark, runs in (("†", cell.collapsed), ("‡", cell.partial)):
        number += f" {mark}" + ("" if runs == cell.n else f" ({runs}/{cell.n})") if runs else ""
    return number + count


def _published(cell: Any) -> str:
    if pd.isna(cell.published_mean):
        return ABSENT
    spread = "" if pd.isna(cell.published_std) else f" ± {cell.published_std:.2f}"
    return f"{cell.published_mean:.2f}{spread}"


def _difference(cell: Any) -> str:
    if pd.isna(cell.difference):
        return ABSENT
    size = f"{abs(cell.difference):.2f}"
    sign = "−" if cell.difference < 0 else "+"
    number = size if size == "0.00" else sign + size
    return f"{number}, {cell.replication}"


def _notes(table: pd.DataFrame, study: Study) -> list[str]:
    seeds = len(study.seeds)
    spread = (
        f"Mean ± sample standard deviation over {seeds} seeds"
        if seeds > 1
        else "One seed: no spread is known"
    )
    notes = [
        spread + ". Bold: the best mean of a column, and means within its 95 % confidence interval"
        f" (from {SEEDS_OF_EQUALS} seeds on)."
    ]
    if (table["n"].gt(1) & table["collapsed"].lt(table["n"]) & table["ci_low"].isna()).any():
        notes.append(
            "± 0.00: the same in all seeds, so there is no interval; it does not mean that there is no error."
        )
    if table["collapsed"].any():
        notes.append(
            "† collapsed: the mask leaves no path from input to output, so the network is constant "
            "and scores chance accuracy. (k/n): k of n seeds collapsed."
        )
    notes += _partial_notes(table) + _budget_notes(table)
    if table["published_mean"].notna().any():
        notes += _published_notes(table, study)
        halves = table["check"].eq("half_dataset") & table["published_mean"].notna()
        if halves.any():
            notes.append(
                "Published under half a data set: its first 390 batches, never shuffled (here first_half); ours "
                "under half_dataset: a random, class-balanced half."
            )
    notes += [
        _cell_note("Missing", cell, str(cell.cause)) for cell in table[table["cause"] != ""].itertuples()
    ]
    notes += [
        _cell_note("Not independent", cell, str(cell.note))
        for cell in table[table["note"] != ""].itertuples()
    ]
    return notes + provenance(table, study)


def _published_notes(table: pd.DataFrame, study: Study) -> list[str]:
    notes = [f"Published: {published_source(study)} (- where no number is known)."]
    notes.append(
        f"Replicated: the difference is shown to be below {study.verdict.margin:g} points; different: above; "
        f"undecided: neither (Welch's tests with the spread of both sides, {study.verdict.significance:.0%} error per "
        "cell)."
    )
    unknown = table["published_std"].notna() & table["published_n"].isna()
    if unknown.any():
        notes.append(
            f"The number of published runs is not known; {FEWEST_RUNS} are assumed, the fewest that have a spread."
        )
    return notes


def _cell_note(title: str, cell: Any, text: str) -> str:
    ratio = "" if cell.ticket == FULL_NETWORK else f", {ratio_label(float(str(cell.prune_ratio)))}"
    where = f"{place_text(str(cell.dataset), str(cell.network))}{ratio}"
    return f"{title}: {where}, {row_label(str(cell.ticket), str(cell.check))}: {text.removesuffix('.')}."


def _partial_notes(table: pd.DataFrame) -> list[str]:
    """Explain the mark of partly collapsed networks, and say what the whole networks of such cells reach."""
    damaged = table[table["partial"] > 0]
    if damaged.empty:
        return []
    explained = (
        "‡ partial layer collapse: some classes lie on no path, or a layer is cut to a few units."
        " (k/n): in k of n seeds."
    )
    return [explained, *(_whole_note(cell) for cell in damaged.itertuples())]


def _budget_notes(table: pd.DataFrame) -> list[str]:
    """Say how many training images the rows of a table took, if not all took as many."""
    trained = table[table["images_total"] > 0]
    shares = trained["images_total"] / trained.groupby(["dataset", "network"])["images_total"].transform(
        "min"
    )
    if shares.empty or shares.max() <= 1 + SAME_BUDGET:
        return []
    labels: dict[str, list[str]] = {}
    for label, group in shares.groupby(trained["label"], sort=False):
        ends = sorted({f"{share:.3g}" for share in (group.min(), group.max())}, key=float)
        labels.setdefault(" to ".join(ends), []).append(str(label))
    told = "; ".join(f"{times} times: {', '.join(names)}" for times, names in labels.items())
    return [f"Training images, with those of all trainings before, relative to the fewest: {told}."]


def _whole_note(cell: Any) -> str:
    """Say what the whole networks of a cell reach, apart from those that partly collapsed."""
    whole = cell.n - cell.collapsed - cell.partial
    said = f"mean {cell.whole_mean:.2f} of the {whole} whole networks" if whole else "no network is whole"
    return _cell_note("Whole networks alone", cell, said)


def provenance(table: pd.DataFrame, study: Study) -> list[str]:
    """Return the provenance of a table, in sentences.

    Args:
        table: from build_table.
        study: the study that it was built for.
    """
    data = dict.fromkeys(zip(table["dataset"], table["data_checksum"], strict=True))
    checksums = [f"{dataset_label(name)} {value}" for name, value in data if value]
    return [
        f"Study {study.name} (settings {settings_id(study)}), seeds {', '.join(map(str, study.seeds))}, "
        f"prunepipe {__version__}, code {_distinct(table['code'])}.",
        f"Device {_distinct(table['device'])}; precision {_distinct(table['precision'])}; "
        f"data {', '.join(dict.fromkeys(checksums)) or 'unknown'}.",
        "The .csv file of this table lists, for each cell, the command that makes it again, to be run in the folder "
        "that contains results/.",
    ]


def _distinct(values: Iterable[str]) -> str:
    """Join the distinct values of cells, each of which may list several, separated by commas."""
    found = {part for value in values for part in value.split(", ")} - {"", UNTRAINED}
    return ", ".join(sorted(found)) or "unknown"
