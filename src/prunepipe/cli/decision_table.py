"""The state of every test of a study as lines of text: what is decided, what runs next, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from prunepipe.planning.next_look import TEST, Key, NextLook

HEAD = ("method", "check", "pruned", "word", "effect (90 % interval)", "seeds", "next")
MINUTE, HOUR = 60.0, 3600.0


class View(NamedTuple):
    """All tests of a study between two looks."""

    verdicts: pd.DataFrame
    """From `prunepipe.verdicts.verdicts.verdicts`."""
    seeds: int
    """Of the study."""
    next: NextLook | None
    waiting: pd.DataFrame
    """Open tests that cannot go on, see `prunepipe.planning.next_look.waiting_tests`."""


class DecisionRow(NamedTuple):
    """A test as text."""

    key: Key
    cells: tuple[str, ...]
    """One for each of HEAD."""
    word: str
    asked: bool
    """Whether it is tested at the look that runs now."""


def decision_rows(view: View, ready: dict[Key, int] | None = None) -> list[DecisionRow]:
    """Return the rows of the table.

    Args:
        view: the state after a look.
        ready: seeds of each test whose runs are made by now, where runs are being made.
    """
    asked = {_key(test) for test in _records(view.next.tests)} if view.next else set()
    waiting = {_key(test): test["cause"] for test in _records(view.waiting)}
    rows = []
    for test in _records(view.verdicts):
        key = _key(test)
        then = _asked(test, (ready or {}).get(key)) if key in asked else _later(test, view, waiting.get(key))
        rows.append(
            DecisionRow(
                key, (*_known(test, len(_places(view.verdicts)) > 1), then), _word(test), key in asked
            )
        )
    return rows


def table_lines(rows: Sequence[DecisionRow], width: int, height: int) -> list[str]:
    """Return the table, cut to a terminal: first what is open, then what is decided.

    Args:
        rows: from `decision_rows`.
        width, height: characters and lines that there are.
    """
    shown = list(rows)
    if len(rows) + 1 > height:
        shown = sorted(rows, key=lambda row: (not row.asked, row.word != "open"))[: max(height - 2, 1)]
    table = [HEAD, *(row.cells for row in shown)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(HEAD))]
    lines = [
        "  ".join(text.ljust(size) for text, size in zip(cells, widths, strict=True))[:width].rstrip()
        for cells in table
    ]
    left = len(rows) - len(shown)
    return [*lines, f"and {left} more; {tally(rows)}"] if left else lines


def tally(rows: Sequence[DecisionRow]) -> str:
    """Return how many tests have which word, for example "4 ignores, 2 uses, 6 open"."""
    words = [row.word for row in rows]
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    return ", ".join(
        f"{count} {word}" for word, count in sorted(counts.items(), key=lambda item: item[0] == "open")
    )


def in_words(row: DecisionRow) -> str:
    """Return a test in words, for example "my_score, rearrange, 95 %"."""
    return ", ".join(row.cells[:3])


def time_text(seconds: float) -> str:
    """Return a length of time, rounded as an estimate deserves, for example "about 6 minutes"."""
    for unit, size in (("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.0f} {unit}"
    return "about a minute" if seconds > 0.75 * MINUTE else "less than a minute"


def _known(test: dict[str, Any], several: bool) -> tuple[str, ...]:
    place = f"{test['ticket']} ({test['network']}, {test['dataset']})" if several else test["ticket"]
    return (
        place,
        test["check"],
        f"{100 * test['prune_ratio']:.10g} %",
        _word(test),
        _effect(test),
        str(test["look"]),
    )


def _word(test: dict[str, Any]) -> str:
    return "open" if test["verdict"] == "inconclusive" else str(test["verdict"])


def _effect(test: dict[str, Any]) -> str:
    if not test["look"] or pd.isna(test["effect"]):
        return "-"
    interval = f" ({test['interval_low']:+z.2f} to {test['interval_high']:+z.2f})"
    return f"{test['effect']:+z.2f}{interval if pd.notna(test['interval_low']) else ''}"


def _asked(test: dict[str, Any], ready: int | None) -> str:
    """Return what the look that runs now may bring to a test."""
    made = "" if ready is None else f" ({ready} ready)"
    return f"now: {test['next_look']} seeds{made}{_chance(test)}"


def _later(test: dict[str, Any], view: View, cause: str | None) -> str:
    if _word(test) != "open":
        return ""
    if cause:
        return f"NOT RUN: {cause}"
    if not pd.notna(test["next_look"]):
        return "the last look is reached"
    if test["next_look"] > view.seeds:
        return f"{test['next_look']} seeds, but the study lists {view.seeds}"
    return f"later: {test['next_look']} seeds{_chance(test)}"


def _chance(test: dict[str, Any]) -> str:
    return f", decided with probability {test['probability']:.1f}" if pd.notna(test["probability"]) else ""


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _key(test: dict[str, Any]) -> Key:
    return tuple(test[name] for name in TEST)


def _places(verdicts: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(verdicts["dataset"], verdicts["network"], strict=True))
