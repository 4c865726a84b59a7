"""Verdicts and decomposition as Markdown, for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from prunepipe.results.labels import check_label, place_text, ratio_label, share_label, ticket_label
from prunepipe.verdicts.answer import answer_lines, difference_text
from prunepipe.verdicts.judge import Judgement
from prunepipe.verdicts.pairing import NOT_LISTED

DASH = "-"


def verdicts_markdown(judgement: Judgement) -> str:
    """Write the answer (method minus random), the methods' summaries, then every comparison behind them.

    Args:
        judgement: of a study.
    Returns:
        A Markdown page.
    """
    verdicts, summaries = judgement.verdicts, judgement.summaries
    methods = [
        (ticket_label(row["ticket"]), f"**{row['summary']}**", row["why"])
        for row in summaries.to_dict("records")
    ]
    return "\n".join(
        [
            *_against_random(judgement.against_random),
            "**Is the method sane?**",
            "",
            *_table(("method", "summary", "why"), methods),
            "",
            *_comparisons(verdicts),
            "",
            "- drawing: `│` is zero, `:` plus and minus the margin, `=` the interval, `o` the effect.",
            "- look: the seeds that count. boundary: effects that are decided at this look, `uses` below the first,"
            " `ignores` within the second; `-`: none is.",
            *(f"- {line}" for line in judgement.provenance),
            "",
        ]
    )


def _against_random(table: pd.DataFrame) -> list[str]:
    """Return the answer in sentences, and the table behind them: a row per method, a column per place and ratio."""
    records = table.to_dict("records")
    if not records:
        return []
    several = len(table[["dataset", "network"]].drop_duplicates()) > 1
    columns = list(dict.fromkeys((row["dataset"], row["network"], row["prune_ratio"]) for row in records))
    found = {(row["ticket"], (row["dataset"], row["network"], row["prune_ratio"])): row for row in records}
    titles = [
        (f"{place_text(dataset, network)}, " if several else "") + ratio_label(ratio)
        for dataset, network, ratio in columns
    ]
    rows = [
        [ticket_label(ticket), *(_cell(found.get((ticket, column))) for column in columns)]
        for ticket in dict.fromkeys(table["ticket"])
    ]
    return [
        "**Do the methods beat random tickets?**",
        "",
        *(f"- {line}" for line in answer_lines(records)),
        "",
        *_table(("method minus random", *titles), rows),
        "",
    ]


def _cell(row: Mapping[Any, Any] | None) -> str:
    return DASH if row is None else " ".join(filter(None, (f"**{row['word']}**", difference_text(row))))


def _comparisons(verdicts: pd.DataFrame) -> list[str]:
    """Table of every comparison; what all have in common is said in its title."""
    level = "" if verdicts.empty else f" ({share_label(verdicts['interval_level'].iloc[0])} interval)"
    header = (
        "method",
        "on",
        "check",
        "pruned",
        "verdict",
        f"effect{level}",
        "drawing",
        "look",
        "boundary",
        "reason",
    )
    rows = [
        (
            ticket_label(row["ticket"]),
            place_text(row["dataset"], row["network"]),
            check_label(row["check"]),
            ratio_label(row["prune_ratio"]),
            row["verdict"],
            _effect(row["effect"], row["interval_low"], row["interval_high"]),
            f"`{row['picture']}`",
            row["look"] or DASH,
            thresholds(row),
            row["reason"],
        )
        for row in verdicts.to_dict("records")
    ]
    names, table, shared = _said_once(header, rows, ("on", "pruned", "look"))
    texts = {"on": "{}", "pruned": "{} pruned", "look": "look at {} seeds"}
    common = [texts[name].format(value) for name, value in shared.items() if value != DASH]
    title = "; ".join(["check minus none, points of accuracy", *common])
    return [f"**What each check did** ({title})", "", *_table(names, _without_repeats(table))]


def thresholds(row: Mapping[Any, Any]) -> str:
    """Return the boundary of a row of verdicts, for example "-1.20; ±0.34"; "-" where no effect would do."""
    low, within = row["uses_below"], row["ignores_within"]
    harm = DASH if math.isnan(low) else f"{low:+.2f}"
    return (
        DASH
        if math.isnan(low) and math.isnan(within)
        else f"{harm}; {DASH if math.isnan(within) else f'±{within:.2f}'}"
    )


def decomposition_markdown(gains: pd.DataFrame, provenance: Sequence[str]) -> str:
    """Write where each method's accuracy comes from.

    Args:
        gains: from `prunepipe.verdicts.decomposition.decomposition`.
        provenance: lines that say where the numbers come from.
    Returns:
        A Markdown table: one row per method and prune ratio, one column per part; "-" where runs are missing, and below
        it why.
    """
    measured = gains[gains["gain"].notna() | ~gains["gaps"].str.contains(NOT_LISTED)]
    parts, every = (list(dict.fromkeys(frame["part"])) for frame in (measured, gains))
    keys = ["dataset", "network", "ticket", "prune_ratio"]
    effects: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in gains.to_dict("records"):
        place = tuple(row[key] for key in keys)
        gain = _effect(row["gain"], row["interval_low"], row["interval_high"])
        effects.setdefault(place, {})[row["part"]] = gain
    rows = [
        (
            ticket_label(ticket),
            place_text(dataset, network),
            ratio_label(prune_ratio),
            *(by_part.get(part, DASH) for part in parts),
        )
        for (dataset, network, ticket, prune_ratio), by_part in effects.items()
    ]
    level = "confidence" if gains.empty else share_label(gains["interval_level"].iloc[0])
    header, table, shared = _said_once(("method", "on", "pruned", *parts), rows, ("on", "pruned"))
    title = "; ".join(
        [f"gains in points, with their {level} interval over seeds", *map(str, shared.values())]
    )
    absent = [part for part in every if part not in parts]
    return "\n".join(
        [
            f"**Where the accuracy comes from** ({title})",
            "",
            *_table(header, _without_repeats(table)),
            "",
            "- layer ratios: the method rearranged, minus uniform random tickets; for partially trained tickets this",
            "  holds the trained weights too, because uniform random tickets start from initial ones.",
            "- positions: the method minus the method rearranged.",
            "- weight values: the method minus the method with its weights shuffled or drawn anew.",
            "- no interval: one seed, or the same in all seeds.",
            "- `-`: the study lists no such runs, or not all of them can be compared (then a line below says why).",
            *([f"- Not part of this study: {', '.join(absent)}."] if absent else []),
            *_gaps(measured),
            *(f"- {line}" for line in provenance),
            "",
        ]
    )


def _gaps(gains: pd.DataFrame) -> list[str]:
    """Say what is missing and why, once for all methods that lack the same."""
    lacking = gains[(gains["gaps"] != "") & ~gains["gaps"].str.contains(NOT_LISTED)]
    texts: dict[tuple[str, str], dict[str, None]] = {}
    for ticket, part, gaps in zip(lacking["ticket"], lacking["part"], lacking["gaps"], strict=True):
        texts.setdefault((part, ticket_label(ticket)), {})[gaps] = None
    found: dict[tuple[str, str], list[str]] = {}
    for (part, method), gaps in texts.items():
        found.setdefault((part, "; ".join(gaps)), []).append(method)
    return [f"- Not in {part}: {', '.join(methods)}: {gaps}." for (part, gaps), methods in found.items()]


def _effect(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return DASH
    interval = "" if math.isnan(low) else f" [{low:+z.2f}, {high:+z.2f}]"
    return f"{value:+z.2f}{interval}"


def _said_once(
    header: Sequence[str], rows: Sequence[Sequence[object]], names: Sequence[str]
) -> tuple[list[str], list[list[object]], dict[str, object]]:
    """Take the named columns in which all rows are alike out of a table; return the rest, and what they said."""
    shared = {
        name: rows[0][place]
        for place, name in enumerate(header)
        if name in names and rows and len({row[place] for row in rows}) == 1
    }
    kept = [place for place, name in enumerate(header) if name not in shared]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows], shared


def _without_repeats(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Leave the first cell of a row empty where it is the same as above."""
    above = [None, *(row[0] for row in rows)]
    return [["" if row[0] == before else row[0], *row[1:]] for row, before in zip(rows, above, strict=False)]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [header, [":--"] * len(header), *rows]
    return ["| " + " | ".join(str(text).replace("|", "\\|") for text in line) + " |" for line in lines]
