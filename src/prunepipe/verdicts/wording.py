"""Verdicts and gaps in full sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prunepipe.results.labels import chance_label, check_label, share_label
from prunepipe.verdicts.failures import FAILURE, unseen_rate
from prunepipe.verdicts.pairing import COLLAPSED, MISSING, NOT_A_NUMBER

HEADINGS = {
    COLLAPSED: "collapsed",
    MISSING: "missing",
    NOT_A_NUMBER: "accuracy is not a number",
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
        places = [
            f"{ratio:g} ({', '.join([f'{len(causes)} of {seeds} seeds', *dict.fromkeys(filter(None, causes))])})"
            for ratio, causes in own
        ]
        parts += [f"{heading}: {', '.join(places)}"] if places else []
    return "; ".join(parts)


def reason(row: Mapping[str, Any]) -> str:
    """Give the reason of a word: what was measured, what it shows, and what would decide.

    Args:
        row: the columns of a row of verdicts, without the reason itself, with `incomparable` (the reference collapsed
            in every pair) and `comparisons` (number of them in the study).
    """
    if row["verdict"] == "not judged":
        return _not_judged(row)
    gaps = f" Not in the comparison: {row['gaps']}." if row["gaps"] else ""
    return f"{_measured(row)}{_shown(row)}{_collapses(row)}{_fails(row)}{_missing(row)}{gaps}"


def _not_judged(row: Mapping[str, Any]) -> str:
    check = check_label(row["check"])
    if row["stopped"]:
        return "The dense network is at chance, so nothing that is pruned from it can be judged."
    if row["incomparable"]:
        return (
            f"No comparison is possible: without {check}, too, the network collapsed in all {row['look']} seeds"
            " (no path from input to output)."
        )
    return f"Every run under {check} is the run without it, by construction: nothing is tested."


def _measured(row: Mapping[str, Any]) -> str:
    """Effect, interval and sample, for example "-0.31 points (90 % interval -0.52 to -0.10, 5 seeds)"."""
    if not row["pairs"]:
        return f"{check_label(row['check'])} cannot be judged: no pair of runs can be compared."
    interval = ""
    if pd.notna(row["interval_low"]):
        ends = f"{row['interval_low']:+z.2f} to {row['interval_high']:+z.2f}"
        interval = f"{share_label(row['interval_level'])} interval {ends}, "
    seeds = "1 seed" if row["pairs"] == 1 else f"{row['pairs']} seeds"
    return f"{check_label(row['check'])} changes the accuracy by {row['effect']:+z.2f} points ({interval}{seeds})"


def _shown(row: Mapping[str, Any]) -> str:
    if not row["pairs"]:
        return ""
    margin, family = f"{row['margin']:g}", row["family_size"]
    harm = f"lower by more than chance (p = {row['p_uses']:.2g}, corrected for {family} claims)"
    texts = {
        "uses": f": {harm}, and not shown to be within the margin of {margin}.",
        "uses little": f": {harm}, but by less than the margin of {margin} (p = {row['p_ignores']:.2g}).",
        "ignores": f": shown to be less than {margin}, up or down (p = {row['p_ignores']:.2g}).{_unseen(row)}",
        "improves": f": higher by more than chance (p = {row['p_gains']:.2g}), which does not show what is used.",
        "collapses": ".",
    }
    return texts.get(str(row["verdict"])) or f": not decided{_boundary(row)}."


def _boundary(row: Mapping[str, Any]) -> str:
    """What the effect would have to be at this look, and the chances of the next one."""
    if not row["look"]:
        first = str(row["looks"]).split()[0]
        return f"; the first look is after {first} seeds"
    parts = []
    if pd.notna(row["uses_below"]):
        parts.append(f"below {row['uses_below']:.2f} would be `uses`")
    if pd.notna(row["ignores_within"]):
        parts.append(f"within {row['ignores_within']:.2f} `ignores`")
    asked = f"; after {row['look']} seeds, {', '.join(parts)}" if parts else ""
    if pd.isna(row["next_look"]):
        return f"{asked}; this was the last look"
    if pd.isna(row["probability"]):
        return f"{asked}; the next look is after {row['next_look']} seeds"
    return (
        f"{asked}; at the next look ({row['next_look']} seeds) decided with"
        f" {chance_label(row['probability'])} if effect and spread stay as they are"
    )


def _unseen(row: Mapping[str, Any]) -> str:
    if row["failed"] or row["failed_reference"]:
        return ""
    rate = unseen_rate(row["pairs"])
    return f" No run failed; {row['pairs']} seeds cannot exclude that up to {100 * rate:.0f} % of runs do."


def _collapses(row: Mapping[str, Any]) -> str:
    if not row["collapsed"] and not row["collapsed_reference"]:
        return ""
    total = row["look"] or row["pairs"] + max(row["collapsed"], row["collapsed_reference"])
    shown = "more often than chance" if row["verdict"] == "collapses" else "not beyond chance"
    return (
        f" The check collapses {row['collapsed']} of {total} networks, {row['collapsed_reference']} collapse"
        f" without it ({shown}, p = {row['p_collapses']:.2g})."
    )


def _fails(row: Mapping[str, Any]) -> str:
    if not row["failed"] and not row["failed_reference"]:
        return ""
    return (
        f" {row['failed']} of {row['pairs']} runs fail with the check, {row['failed_reference']} without"
        f" (more than {FAILURE * row['margin']:g} points below the others; p = {row['p_failures']:.2g})."
    )


def _missing(row: Mapping[str, Any]) -> str:
    if not row["missing_pairs"] or pd.isna(row["next_look"]):
        return ""
    return f" {row['missing_pairs']} of {row['expected_pairs']} pairs are missing; looks wait for them."
