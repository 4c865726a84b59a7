"""One line per method: sane, not sane or undecided, and why."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from prunepipe.results.labels import check_label, place_text, ratio_label, ticket_label
from prunepipe.study.built_in import DATA, TICKETS, Reading
from prunepipe.verdicts.readings import READINGS, Readings
from prunepipe.verdicts.words import WORDS

PARTIALLY_TRAINED = frozenset(name for name, row in TICKETS.items() if row["start"] != "init")
"""Built-in tickets that start from trained weights; a study with tickets of its own passes its own set."""

HARM = frozenset({"uses", "uses little"})
SUMMARY_COLUMNS = ["study", "ticket", "summary", *WORDS, "why"]
PLACE = ["dataset", "network", "check"]

Place = tuple[str, str, str]
"""Data set, network, check: a comparison of a method."""
Words = dict[float, str]
"""The word at each prune ratio of a comparison."""


def method_summaries(
    verdicts: pd.DataFrame,
    *,
    partially_trained: Collection[str] = PARTIALLY_TRAINED,
    readings: Readings = READINGS,
) -> pd.DataFrame:
    """Say of each method whether it is sane: whether destroying what it should use hurts it.

    - not sane: under a check that destroys all of its part, `ignores` at every prune ratio where a comparison is
      possible, anywhere;
    - sane: the data, and the exact connections or which weight sits where, are shown to be used (harm at any prune
      ratio is harm), and so is every other part that was checked, wherever it was checked;
    - undecided: neither.

    Args:
        verdicts: from prunepipe.verdicts.verdicts.verdicts.
        partially_trained: tickets that start from trained weights.
        readings: from `readings_of`.
    Returns:
        One row per study and ticket with SUMMARY_COLUMNS; the counts are of comparisons at a prune ratio that count.
    """
    found: dict[tuple[str, str], dict[Place, Words]] = {}
    columns = (verdicts[name].tolist() for name in ("study", "ticket", *PLACE, "prune_ratio", "verdict"))
    for study, ticket, dataset, network, check, prune_ratio, word in zip(*columns, strict=True):
        comparisons = found.setdefault((study, ticket), {})
        comparisons.setdefault((dataset, network, check), {})[prune_ratio] = word
    rows, several = [], len(verdicts[["dataset", "network"]].drop_duplicates()) > 1
    for (study, ticket), comparisons in found.items():
        kind = "partially trained" if ticket in partially_trained else "initial"
        counted = {check: read for check, read in readings[kind].items() if read.part is not None}
        relevant = {place: words for place, words in comparisons.items() if place[-1] in counted}
        summary, why = _judge(ticket_label(ticket), relevant, counted, several)
        said = [word for words in relevant.values() for word in words.values()]
        counts = {word: said.count(word) for word in WORDS}
        rows.append({"study": study, "ticket": ticket, "summary": summary, **counts, "why": why})
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _judge(
    name: str, comparisons: dict[Place, Words], counted: dict[str, Reading], several: bool
) -> tuple[str, str]:
    harmed = [
        _said(place, words, several) for place, words in comparisons.items() if HARM & set(words.values())
    ]
    also = f"; it does lose accuracy under {'; '.join(harmed)}" if harmed else ""
    vetoes = [one for one in comparisons.items() if counted[one[0][-1]].veto and ignored(one[1])]
    if vetoes:
        told = [
            f"{_said(place, words, several)}, read, up to the margin, as: {counted[place[-1]].ignores}"
            for place, words in vetoes
        ]
        return "not sane", f"{name} is not sane: {'; '.join(told)}{also}."
    doubts = _doubts(comparisons, counted, several)
    if doubts:
        return "undecided", f"It is not decided whether {name} is sane: {'; '.join(doubts)}{also}."
    return "sane", f"{name} is sane: it loses accuracy under {'; '.join(harmed)}."


def ignored(words: Words) -> bool:
    """Return whether a comparison is `ignores` at every prune ratio where a comparison is possible."""
    possible = [word for word in words.values() if word != "not judged"]
    return bool(possible) and all(word == "ignores" for word in possible)


def _doubts(comparisons: dict[Place, Words], counted: dict[str, Reading], several: bool) -> list[str]:
    """Return what keeps a method from being called sane."""
    used: set[tuple[str, str, str | None]] = set()
    asked: dict[tuple[str, str, str | None], list[str]] = {}
    for place, words in comparisons.items():
        key = (place[0], place[1], counted[place[-1]].part)
        if HARM & set(words.values()):
            used.add(key)
        asked.setdefault(key, []).append(_said(place, words, several))
    doubts = [text for key, texts in asked.items() if key not in used for text in texts]
    parts = {key[-1] for key in asked}
    if DATA not in parts:
        doubts.append(f"never checked for its use of {DATA}")
    if not parts - {DATA}:
        others = dict.fromkeys(read.part for read in counted.values() if read.part != DATA)
        doubts.append(f"never checked for its use of {' or '.join(map(str, others))}")
    return doubts


def _said(place: Place, words: Words, several: bool) -> str:
    """One comparison, for example "rearrange (CIFAR-10, VGG19: ignores at 90 and 95 %, inconclusive at 98 %)".

    Args:
        place: its data set and network are named where the study has `several`.
        words: at its prune ratios.
        several: whether it has.
    """
    found: dict[str, list[str]] = {}
    for prune_ratio, word in words.items():
        found.setdefault(word, []).append(ratio_label(prune_ratio))
    told = ", ".join(f"{word} at {_listed(ratios)}" for word, ratios in found.items())
    dataset, network, check = place
    where = f"{place_text(dataset, network)}: " if several else ""
    return f"{check_label(check)} ({where}{told})"


def _listed(ratios: list[str]) -> str:
    shown = [ratio.removesuffix(" %") for ratio in ratios]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown) + " %"
