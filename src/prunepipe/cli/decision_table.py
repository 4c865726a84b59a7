"""The state of every test of a study as lines of text: what is decided, and what runs next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from prunepipe.planning.next_look import TEST, Key, NextLook
from prunepipe.results.labels import ratio_label, share_label

HEAD = ("check", "pruned", "word", "effect [90 %]", "seeds", "next look")
LEGEND = "next look: seeds ready out of those needed; the probability that it decides"
FEWEST = 10
"""Characters that the name of a check keeps on a narrow terminal."""
CHANCE = len("now 12/20, 70 %")
"""Characters of the last column; only wider terminals show long names of checks in full."""


class View(NamedTuple):
    """All tests of a study between two looks."""

    verdicts: pd.DataFrame
    """From `prunepipe.verdicts.verdicts.verdicts`."""
    seeds: int
    """Number of seeds of the study."""
    next: NextLook | None
    waiting: pd.DataFrame
    """Open tests that cannot go on, see `prunepipe.planning.next_look.next_look`."""


class DecisionRow(NamedTuple):
    """A test as text."""

    key: Key
    method: str
    """With network and data set, if the study has several."""
    cells: tuple[str, ...]
    """One for each of HEAD."""
    word: str
    asked: bool
    """Whether it is tested at the look that runs now."""


def decision_rows(view: View, ready: dict[Key, int] | None = None) -> list[DecisionRow]:
    """Return the rows of the table.

    Args:
        view: the state after a look.
        ready: number of seeds of each test whose runs are finished; default: no runs are being made.
    """
    asked = {_key(test) for test in _records(view.next.tests)} if view.next else set()
    waiting = {_key(test): test["cause"] for test in _records(view.waiting)}
    rows, several = [], len(view.verdicts[["dataset", "network"]].drop_duplicates()) > 1
    for test in _records(view.verdicts):
        key = _key(test)
        then = _asked(test, (ready or {}).get(key)) if key in asked else _later(test, view, waiting.get(key))
        method = "{ticket} ({network}, {dataset})" if several else "{ticket}"
        known = test["check"], ratio_label(test["prune_ratio"]), _word(test), _effect(test), str(test["look"])
        rows.append(DecisionRow(key, method.format(**test), (*known, then), _word(test), key in asked))
    return rows


def table_lines(rows: Sequence[DecisionRow], width: int, height: int) -> list[str]:
    """Return the table, cut to fit a terminal: a heading for each method, and a line for each of its tests.

    Args:
        rows: from `decision_rows`; if there are too many, those that are open and run now are shown.
        width, height: of the terminal, in characters and lines.
    """
    shown = _most_urgent(rows, height - 3)  # without the head, the legend and the line on what is left out
    widths = _widths(shown, width)
    lines, method = [cut(_line(HEAD, widths), width)], ""
    for row in shown:
        if row.method != method:
            method = row.method
            lines.append(cut(method, width))
        lines.append(cut(_line(row.cells, widths), width))
    left = len(rows) - len(shown)
    if left:
        lines.append(cut(f"and {left} more; {tally(rows)}", width))
    return [*lines, cut(LEGEND, width)]


def cut(text: str, width: int) -> str:
    """Return a text cut to a number of characters; an ellipsis marks the cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _most_urgent(rows: Sequence[DecisionRow], height: int) -> list[DecisionRow]:
    """Return the rows that fit below their headings, in their order: those that are asked now before open ones."""
    by_urgency = sorted(rows, key=lambda row: (not row.asked, row.word != "open"))
    chosen: set[Key] = set()
    methods: set[str] = set()
    for row in by_urgency:
        if len(chosen) + len(methods | {row.method}) >= max(height, 2):
            break
        chosen.add(row.key)
        methods.add(row.method)
    return [row for row in rows if row.key in chosen]


def _widths(rows: Sequence[DecisionRow], width: int) -> list[int]:
    """Return the width of each column; where there is too little room, names of checks and the last column are cut."""
    widths = [max(map(len, column)) for column in zip(HEAD, *(row.cells for row in rows), strict=True)]
    others = sum(widths[1:-1]) + 2 * len(HEAD)
    widths[0] = max(min(widths[0], width - others - max(FEWEST, min(widths[-1], CHANCE))), FEWEST)
    widths[-1] = max(min(widths[-1], width - others - widths[0]), FEWEST)
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return the cells of a row, padded to their columns and indented below the heading."""
    return "".join(
        f"  {cut(text, size).ljust(size)}" for text, size in zip(cells, widths, strict=True)
    ).rstrip()


def tally(rows: Sequence[DecisionRow]) -> str:
    """Return how many tests have which word, for example "4 ignores, 2 uses, 6 open"."""
    words = [row.word for row in rows]
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    return ", ".join(
        f"{count} {word}" for word, count in sorted(counts.items(), key=lambda item: item[0] == "open")
    )


def number_of_tests(count: int) -> str:
    """Return a number of tests in words."""
    return f"{count} test{'s' * (count != 1)}"


def in_words(row: DecisionRow) -> str:
    """Return a test in words, for example "my_score, rearrange, 95 %"."""
    return ", ".join((row.method, *row.cells[:2]))


def _word(test: dict[str, Any]) -> str:
    return "open" if test["verdict"] == "inconclusive" else str(test["verdict"])


def _effect(test: dict[str, Any]) -> str:
    if not test["look"] or pd.isna(test["effect"]):
        return "-"
    interval = f" [{test['interval_low']:+z.1f}, {test['interval_high']:+z.1f}]"
    return f"{test['effect']:+z.1f}{interval if pd.notna(test['interval_low']) else ''}"


def _asked(test: dict[str, Any], ready: int | None) -> str:
    """Describe the present look of a test."""
    made = "" if ready is None else f"{ready}/"
    return f"now {made}{test['next_look']}{_chance(test)}"


def _later(test: dict[str, Any], view: View, cause: str | None) -> str:
    if _word(test) != "open":
        return ""
    if cause:
        return f"NOT RUN: {cause}"
    if not pd.notna(test["next_look"]):
        return "last look"
    if test["next_look"] > view.seeds:
        return f"{test['next_look']} seeds, but the study lists {view.seeds}"
    return f"later {test['next_look']}{_chance(test)}"


def _chance(test: dict[str, Any]) -> str:
    return f", {share_label(test['probability'])}" if pd.notna(test["probability"]) else ""


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _key(test: dict[str, Any]) -> Key:
    return tuple(test[name] for name in TEST)
