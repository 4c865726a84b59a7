"""The verdicts as the page shows them: one card per method, one row per comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prunepipe.reports.page.formats import ABSENT, interval, known, number, signed, sort_key
from prunepipe.results.labels import check_label, place_text, ratio_label, ticket_label
from prunepipe.study.study import Study
from prunepipe.verdicts.answer import is_ceiling
from prunepipe.verdicts.judge import Judgement
from prunepipe.verdicts.pairing import NOT_LISTED
from prunepipe.verdicts.readings import reading, readings_of
from prunepipe.verdicts.writing import thresholds

MARKS = {
    "sane": "✓", "not sane": "✗",
    "uses": "✓", "uses little": "✓", "ignores": "✗", "improves": "↑", "collapses": "†",
    "inconclusive": "?", "not judged": "–", "not checked": "–",
    "above": "↑", "level": "=", "slightly below": "↓", "below": "↓", "undecided": "?",
}  # fmt: skip
"""The sign beside each word, because colour alone would not reach everybody."""

NOT_CHECKED = "The study runs no check on it; it serves as a comparison."
"""Why a method has no summary."""

STRIP_WIDTH, STRIP_HEIGHT, STRIP_EDGE = 150.0, 18.0, 4.0
"""Size of the drawing of an effect, in CSS pixels."""


def tone(word: str) -> str:
    """Return the CSS class of a verdict or summary."""
    return "word-" + word.replace(" ", "-")


def comparison_rows(judgement: Judgement) -> list[dict[str, Any]]:
    """Return every comparison of a method under a check with the method without it.

    Args:
        judgement: of the study.
    Returns:
        One dictionary per row of the verdicts, in the same order, with an `anchor` on the page.
    """
    rows = judgement.verdicts.to_dict("records")
    reach = _reach(judgement.verdicts)
    return [_comparison(position, row, reach) for position, row in enumerate(rows)]


def _comparison(position: int, row: Mapping[Any, Any], reach: float) -> dict[str, Any]:
    return {
        **_chip(row, row["verdict"], row["effect"]),
        "anchor": f"comparison-{position}",
        "method": ticket_label(row["ticket"]),
        "ratio": ratio_label(row["prune_ratio"]),
        "check_name": row["check"],
        "check": check_label(row["check"]),
        "effect_key": sort_key(row["effect"]),
        "strip": _strip(row, reach),
        "look": str(row["look"] or ABSENT),
        "look_key": sort_key(row["look"]),
        "boundary": thresholds(row),
        "caveat": row["caveat"],
        "reason": row["reason"],
    }


def _chip(row: Mapping[Any, Any], word: str, effect: Any) -> dict[str, Any]:
    """Return what a card says about a comparison."""
    return {
        "ticket": row["ticket"],
        "place": f"{place_text(row['dataset'], row['network'])}, {ratio_label(row['prune_ratio'])}",
        "word": word,
        "mark": MARKS[word],
        "tone": tone(word),
        "effect": signed(effect),
        "interval": interval(row["interval_low"], row["interval_high"], with_sign=True),
    }


def random_table(judgement: Judgement) -> dict[str, Any]:
    """Return method minus random: a row per method, a column per data set, network and prune ratio.

    Args:
        judgement: of the study.
    Returns:
        columns (place, ratio, accuracies of random tickets and of the dense network, ceiling), rows (method, cells;
        None where there is none), and `chips`: the cells by ticket, as the cards show them.
    """
    records = judgement.against_random.to_dict("records")
    keys = ("dataset", "network", "prune_ratio")
    columns = {tuple(row[key] for key in keys): _random_column(row) for row in records}
    cells = {
        (row["ticket"], tuple(row[key] for key in keys)): _random_cell(position, row)
        for position, row in enumerate(records)
    }
    tickets = dict.fromkeys(row["ticket"] for row in records)
    return {
        "columns": list(columns.values()),
        "rows": [
            {"method": ticket_label(ticket), "cells": [cells.get((ticket, column)) for column in columns]}
            for ticket in tickets
        ],
        "chips": {ticket: [cell for (own, _), cell in cells.items() if own == ticket] for ticket in tickets},
    }


def _random_column(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "place": place_text(row["dataset"], row["network"]),
        "ratio": ratio_label(row["prune_ratio"]),
        "random": number(row["random_accuracy"]),
        "dense": number(row["dense_accuracy"]),
        "ceiling": is_ceiling(row),
    }


def _random_cell(position: int, row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        **_chip(row, row["word"], row["difference"]),
        "anchor": f"against-random-{position}",
        "check": "minus random",
        "caveat": f"partial layer collapse in {row['partial']} seeds" if row["partial"] else "",
    }


def _reach(verdicts: pd.DataFrame) -> float:
    """Return the half width of the drawings in points: beyond the largest effect and the margin."""
    if verdicts.empty:
        return 1.0
    largest = verdicts["effect"].abs().max()
    return max(2 * float(verdicts["margin"].max()), 1.15 * float(largest) if known(largest) else 0.0)


def _strip(row: Mapping[Any, Any], reach: float) -> dict[str, Any] | None:
    """Return the x positions of zero, margin, interval and mean; None if the effect is unknown.

    An interval that is wider than the drawing ends in an arrow.
    """
    if not known(row["effect"]):
        return None

    def x(value: float) -> float:
        half = STRIP_WIDTH / 2
        return round(half + (half - STRIP_EDGE) * min(max(value / reach, -1.0), 1.0), 1)

    low, high = row["interval_low"], row["interval_high"]
    bounded = known(low) and known(high)
    return {
        "zero": x(0.0),
        "margin_low": x(-row["margin"]),
        "margin_width": round(x(row["margin"]) - x(-row["margin"]), 1),
        "effect": x(row["effect"]),
        "low": x(low) if bounded else None,
        "high": x(high) if bounded else None,
        "beyond_low": bounded and low < -reach,
        "beyond_high": bounded and high > reach,
    }


def method_cards(
    judgement: Judgement,
    study: Study,
    comparisons: list[dict[str, Any]],
    against_random: Mapping[str, list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Return one card per method, in the study's order: its summary, the reason, and a chip for each comparison.

    Args:
        judgement: of the study; a ticket without checks has no summary, and a card that says so.
        study: defines which checks count for which kind of ticket.
        comparisons: from comparison_rows.
        against_random: chips by ticket, from random_table; they come first.
    """
    readings = readings_of(study)
    summaries = {row["ticket"]: row for row in judgement.summaries.to_dict("records")}
    cards = []
    for ticket, row in study.tickets.items():
        summary = summaries.get(ticket, {"summary": "not checked", "why": NOT_CHECKED, "caveat": ""})
        kind = "initial" if row.initial else "partially trained"
        own = [chip for chip in comparisons if chip["ticket"] == ticket]
        counted = [chip for chip in own if reading(chip["check_name"], kind, readings).part]
        cards.append(
            {
                "ticket": ticket,
                "method": ticket_label(ticket),
                "kind": f"{kind} ticket",
                "summary": summary["summary"],
                "mark": MARKS[summary["summary"]],
                "tone": tone(summary["summary"]),
                "why": summary["why"],
                "caveat": summary["caveat"],
                "chips": _matrix([*against_random.get(ticket, ()), *counted]),
                "diagnostics": _matrix([chip for chip in own if chip not in counted]),
            }
        )
    return cards


def _matrix(chips: list[dict[str, Any]]) -> dict[str, Any]:
    """Arrange chips in a table: a column per check, a row per place."""
    checks = list(dict.fromkeys(chip["check"] for chip in chips))
    found = {(chip["place"], chip["check"]): chip for chip in chips}
    places = dict.fromkeys(chip["place"] for chip in chips)
    return {
        "checks": checks,
        "rows": [(place, [found.get((place, check)) for check in checks]) for place in places],
        "labels": _without_common_start(list(places)),
        "single": chips if len(places) == 1 else [],
    }


def _without_common_start(places: list[str]) -> dict[str, str]:
    """Return places without the data set and network that all of them share: "CIFAR-10, VGG19, 90 %" is "90 %"."""
    starts = {place.rpartition(", ")[0] for place in places}
    return {place: place.rpartition(", ")[2] if len(starts) == 1 else place for place in places}


def tally(cards: list[dict[str, Any]]) -> str:
    """Return a phrase that counts the methods by summary."""
    words = [card["summary"] for card in cards]
    counts = {word: words.count(word) for word in ("sane", "not sane", "undecided", "not checked")}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def gains_table(judgement: Judgement) -> dict[str, Any]:
    """Return where each method's accuracy comes from: a column per part, a row per method and prune ratio.

    Args:
        judgement: of the study; a part that the study cannot measure is left out and listed in `absent`.
    """
    gains = judgement.gains
    every = list(dict.fromkeys(gains["part"]))
    parts = [part for part in every if gains.loc[gains["part"] == part, "gain"].notna().any()]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in gains.to_dict("records"):
        place = (row["ticket"], row["dataset"], row["network"], row["prune_ratio"])
        rows.setdefault(place, {})[row["part"]] = {
            "gain": signed(row["gain"]),
            "key": sort_key(row["gain"]),
            "interval": interval(row["interval_low"], row["interval_high"], with_sign=True),
            "gaps": row["gaps"] if isinstance(row["gaps"], str) and NOT_LISTED not in row["gaps"] else "",
        }
    return {"parts": parts, "absent": [part for part in every if part not in parts], "rows": rows}
