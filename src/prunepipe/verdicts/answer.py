"""The answer to the question of a study, in sentences: whether its methods beat random tickets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prunepipe.results.labels import place_text, ratio_label, share_label, ticket_label

HEADINGS = {
    "above": "Better",
    "level": "Level",
    "slightly below": "Slightly worse",
    "below": "Worse",
    "collapses": "Collapsed",
    "undecided": "Undecided",
    "not judged": "Not judged",
}
"""How a sentence begins for each word of `prunepipe.verdicts.against_random`, in the order of the sentences."""

CEILING = "ceiling: random pruning does as well as no pruning here"
"""Caveat of every verdict at a prune ratio where the study cannot distinguish methods."""

Row = Mapping[Any, Any]
"""A row of `against_random`, or of its .csv file read as text."""


def answer_lines(rows: Iterable[Row]) -> list[str]:
    """Return one line per data set, network and prune ratio, and a last line that explains the numbers.

    Args:
        rows: of `prunepipe.verdicts.against_random.against_random`; values may be text, as read from the .csv file.
    Returns:
        For example "At 98 %, random tickets reach 92.5 %. Better: Hybrid +3.9 [+3.1, +4.7]. Level: SNIP -0.1
        [-0.3, +0.1]."; empty without rows.
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((str(row["dataset"]), str(row["network"]), str(row["prune_ratio"])), []).append(row)
    if not found:
        return []
    several = len({place[:2] for place in found}) > 1
    lines = [_line(place, own, several) for place, own in found.items()]
    return [*lines, _explained([row for own in found.values() for row in own])]


def difference_text(row: Row) -> str:
    """Return a difference and its interval, for example "+3.9 [+3.1, +4.7]"; empty if no pair can be compared."""
    value, low, high = (_number(row[name]) for name in ("difference", "interval_low", "interval_high"))
    if value is None:
        return ""
    return f"{value:+z.1f}" + ("" if low is None or high is None else f" [{low:+z.1f}, {high:+z.1f}]")


def is_ceiling(row: Row) -> bool:
    """Return whether random tickets reach the dense network, up to the margin, at the prune ratio of a row."""
    return str(row["ceiling"]) == "True"


def _line(place: tuple[str, str, str], rows: list[Row], several: bool) -> str:
    dataset, network, ratio = place
    where = f" ({place_text(dataset, network)})" if several else ""
    random, dense = (_number(rows[0][name]) for name in ("random_accuracy", "dense_accuracy"))
    reached = "no random ticket is finished" if random is None else f"random tickets reach {random:.1f} %"
    unpruned = "" if dense is None else f" (no pruning: {dense:.1f} %)"
    said = [f"At {ratio_label(float(ratio))}{where}, {reached}{unpruned}."]
    for word, heading in HEADINGS.items():
        own = [_method(row) for row in rows if row["word"] == word]
        said += [f"{heading}: {', '.join(own)}."] if own else []
    said += [f"{CEILING[0].upper()}{CEILING[1:]}."] if is_ceiling(rows[0]) else []
    return " ".join(said)


def _method(row: Row) -> str:
    collapsed = int(float(row["collapsed"]))
    partial = int(float(row["partial"]))
    seeds = int(float(row["expected_pairs"]))
    gone = f"(no path left in {collapsed} of {seeds} seeds)" if collapsed else ""
    damaged = f"(partial layer collapse in {partial} of {seeds} seeds)" if partial else ""
    return " ".join(filter(None, (ticket_label(row["ticket"]), difference_text(row), gone, damaged)))


def _explained(rows: list[Row]) -> str:
    pairs = [int(float(row["pairs"])) for row in rows if float(row["pairs"])] or [0]
    seeds = f"{max(pairs)} seed{'s' if max(pairs) != 1 else ''}"
    if min(pairs) < max(pairs):
        seeds = f"{min(pairs)} to {seeds}: those of the look that decided"
    level, margin = _number(rows[0]["interval_level"]), _number(rows[0]["margin"])
    assert level is not None
    return (
        f"Method minus random, in points of accuracy, paired by seed ({seeds}), with the {share_label(level)} interval "
        "of each comparison alone. Better and worse: by more than chance, corrected for all comparisons and looks; "
        f"level: shown to differ by less than the margin of {margin:g}; undecided: none of these is shown yet."
    )


def _number(value: Any) -> float | None:
    """Return a number; None if it is empty or NaN."""
    number = float(value) if value not in ("", None) else float("nan")
    return None if number != number else number
