"""One line per method: sane, not sane or undecided, and why."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from prunepipe.results.labels import check_label, dataset_label, network_label, ratio_label, ticket_label
from prunepipe.study.built_in import TICKETS
from prunepipe.verdicts.readings import DATA, READINGS, Reading

PARTIALLY_TRAINED = frozenset(name for name, row in TICKETS.items() if row["start"] != "init")
"""Built-in tickets that start from trained weights; a study with tickets of its own passes its own set."""

HARM = frozenset({"uses", "uses little"})
COUNTED = ("uses", "uses little", "ignores", "improves", "collapses", "inconclusive", "not judged")
SUMMARY_COLUMNS = ["study", "ticket", "summary", *COUNTED, "why"]
PLACE = ["dataset", "network", "check"]


def method_summaries(
    verdicts: pd.DataFrame, *, partially_trained: Collection[str] = PARTIALLY_TRAINED
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
    Returns:
        One row per study and ticket with SUMMARY_COLUMNS; the counts are of comparisons at a prune ratio that count.
    """
    rows = []
    for (study, ticket), own in verdicts.groupby(["study", "ticket"], sort=False):
        kind = "partially trained" if ticket in partially_trained else "initial"
        counted = {check: read for check, read in READINGS[kind].items() if read.part is not None}
        relevant = own[own["check"].isin(list(counted))]
        summary, why = _judge(ticket_label(str(ticket)), relevant, counted)
        words = relevant["verdict"].value_counts()
        counts = {word: int(words.get(word, 0)) for word in COUNTED}
        rows.append({"study": study, "ticket": ticket, "summary": summary, **counts, "why": why})
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _judge(name: str, rows: pd.DataFrame, counted: dict[str, Reading]) -> tuple[str, str]:
    comparisons = [(str(place[-1]), own) for place, own in rows.groupby(PLACE, sort=False)]
    harmed = [(check, own) for check, own in comparisons if own["verdict"].isin(HARM).any()]
    vetoes = [(check, own) for check, own in comparisons if counted[check].veto and ignored(own)]
    if vetoes:
        also = f"; it does lose accuracy under {'; '.join(_said(*one) for one in harmed)}" if harmed else ""
        told = [f"{_said(check, own)}, read as: {counted[check].ignores}" for check, own in vetoes]
        return "not sane", f"{name} is not sane: {'; '.join(told)}{also}."
    doubts = _doubts(comparisons, counted)
    if doubts:
        return "undecided", f"It is not decided whether {name} is sane: {'; '.join(doubts)}."
    return "sane", f"{name} is sane: it loses accuracy under {'; '.join(_said(*one) for one in harmed)}."


def ignored(rows: pd.DataFrame) -> bool:
    """Return whether a comparison is `ignores` at every prune ratio where a comparison is possible."""
    possible = rows[rows["verdict"] != "not judged"]
    return len(possible) > 0 and bool((possible["verdict"] == "ignores").all())


def _doubts(comparisons: list[tuple[str, pd.DataFrame]], counted: dict[str, Reading]) -> list[str]:
    """What keeps a method from being sane."""
    used: set[tuple[object, ...]] = set()
    asked: dict[tuple[object, ...], list[str]] = {}
    for check, own in comparisons:
        place = (own["dataset"].iat[0], own["network"].iat[0], counted[check].part)
        if own["verdict"].isin(HARM).any():
            used.add(place)
        if (own["verdict"] != "not judged").any():
            asked.setdefault(place, []).append(_said(check, own))
    doubts = [text for place, texts in asked.items() if place not in used for text in texts]
    parts = {place[-1] for place in asked}
    if DATA not in parts:
        doubts.append(f"never checked for its use of {DATA}")
    if not parts - {DATA}:
        others = dict.fromkeys(read.part for read in counted.values() if read.part != DATA)
        doubts.append(f"never checked for its use of {' or '.join(map(str, others))}")
    return doubts


def _said(check: str, rows: pd.DataFrame) -> str:
    """One comparison, for example "rearrange (CIFAR-10, VGG19: ignores at 90 and 95 %, inconclusive at 98 %)"."""
    found: dict[str, list[str]] = {}
    for word, prune_ratio in zip(rows["verdict"], rows["prune_ratio"], strict=True):
        found.setdefault(word, []).append(ratio_label(prune_ratio))
    told = [f"{word} at {_listed(ratios)}" for word, ratios in found.items()]
    place = f"{dataset_label(rows['dataset'].iat[0])}, {network_label(rows['network'].iat[0])}"
    return f"{check_label(check)} ({place}: {', '.join(told)})"


def _listed(ratios: list[str]) -> str:
    shown = [ratio.removesuffix(" %") for ratio in ratios]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown) + " %"
