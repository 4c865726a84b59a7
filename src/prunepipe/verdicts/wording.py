"""Verdicts and gaps in full sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prunepipe.results.labels import check_label, ticket_label
from prunepipe.verdicts.pairing import COLLAPSED, MISSING, NOT_A_NUMBER, USABLE

HEADINGS = {
    COLLAPSED: "collapsed",
    MISSING: "missing",
    NOT_A_NUMBER: "accuracy is not a number",
    USABLE: "left out so that every seed covers the same prune ratios",
}


def gaps_text(left_out: pd.DataFrame, seeds: int) -> str:
    """Say which pairs a comparison lacks, and why.

    Args:
        left_out: pairs (prune_ratio, seed, state, cause) that are not used.
        seeds: how many seeds a prune ratio should have.
    Returns:
        For example "collapsed: 0.98 (5 of 5 seeds, with the check);
        missing: 0.9 (1 of 5 seeds, without: killed)".
    """
    found: dict[tuple[str, float], list[str]] = {}
    columns = (left_out[name].tolist() for name in ("state", "prune_ratio", "cause"))
    for state, prune_ratio, cause in zip(*columns, strict=True):
        found.setdefault((state, prune_ratio), []).append(cause)
    parts = []
    for state, heading in HEADINGS.items():
        own = [(ratio, causes) for (its_state, ratio), causes in sorted(found.items()) if its_state == state]
        places = [f"{ratio:g} ({len(causes)} of {seeds} seeds{_named(causes)})" for ratio, causes in own]
        parts += [f"{heading}: {', '.join(places)}"] if places else []
    return "; ".join(parts)


def _named(causes: list[str]) -> str:
    return "".join(f", {cause}" for cause in dict.fromkeys(causes) if cause)


def reason(row: Mapping[str, Any]) -> str:
    """Give the one-sentence reason of a verdict.

    Args:
        row: the columns of a row of verdicts, without the reason itself.
    Returns:
        A sentence, and the gaps if there are any.
    """
    sentence = {"ignores": _ignores, "uses": _uses, "collapsed": _collapsed, "inconclusive": _inconclusive}
    gaps = f" Not in the comparison: {row['gaps']}." if row["gaps"] else ""
    return sentence[row["verdict"]](row) + gaps


def _measured(row: Mapping[str, Any]) -> str:
    """Effect, interval and sample, for example "-0.31 points (90 % interval -0.52 to -0.10, 5 seeds)"."""
    interval = "no interval: the same in all seeds"
    if pd.notna(row["interval_low"]):
        interval = f"{row['interval_level']:.0%} interval {row['interval_low']:+z.2f} to {row['interval_high']:+z.2f}"
    return f"{row['effect']:+z.2f} points ({interval.replace('%', ' %')}, {row['seeds']} seeds)"


def _uses(row: Mapping[str, Any]) -> str:
    return (
        f"{check_label(row['check'])} changes the accuracy by {_measured(row)}, worse by more than chance"
        f" (Holm p = {row['p_uses']:.2g}): {ticket_label(row['ticket'])} uses what the check destroys."
    )


def _ignores(row: Mapping[str, Any]) -> str:
    end = f"{ticket_label(row['ticket'])} does not use what the check destroys."
    if row["identical"]:
        return f"Every run under {check_label(row['check'])} is identical to the run without it: {end}"
    start = f"{check_label(row['check'])} changes the accuracy by {_measured(row)}"
    p_value = f"(Holm p = {row['p_ignores']:.2g})"
    return f"{start}, equivalent to none within the margin of {row['margin']:g} {p_value}: {end}"


def _collapsed(row: Mapping[str, Any]) -> str:
    return f"{check_label(row['check'])} cannot be judged: in every pair a network has no path from input to output."


def _inconclusive(row: Mapping[str, Any]) -> str:
    if row["seeds"] == 0:
        return f"{check_label(row['check'])} cannot be judged: no pair of runs can be compared."
    if row["seeds"] == 1:
        return (
            f"{check_label(row['check'])} cannot be judged from one seed ({row['effect']:+z.2f} points):"
            " the spread between seeds is unknown; run at least 3."
        )
    if row["p_gains"] <= row["significance"]:
        return (
            f"{check_label(row['check'])} changes the accuracy by {_measured(row)}, better by more than chance"
            f" (Holm p = {row['p_gains']:.2g}): the check does not show what the method uses."
        )
    start = f"{check_label(row['check'])} changes the accuracy by {_measured(row)}"
    needed = "; a gain of this size would decide nothing with more seeds either"
    if pd.notna(row["seeds_to_decide"]):
        needed = f"; about {row['seeds_to_decide']} seeds would decide it"
    if min(row["p_worse"], row["p_equivalent"], row["p_better"]) <= row["significance"]:
        return (
            f"{start}: not decided after Holm's correction over {row['family_size']} comparisons (adjusted"
            f" p = {row['p_uses']:.2g} for worse, {row['p_ignores']:.2g} for equivalent within the margin of"
            f" {row['margin']:g}, {row['p_gains']:.2g} for better){needed}."
        )
    return (
        f"{start}: neither worse by more than chance nor equivalent to none within the margin of"
        f" {row['margin']:g}{needed}."
    )
