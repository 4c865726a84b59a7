"""One line per method: sane, not sane or undecided, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from prunepipe.results.labels import check_label, dataset_label, network_label, ticket_label
from prunepipe.study.built_in import CHECKS, KINDS, TICKETS, CheckRow
from prunepipe.study.study import Study


def _counted(rows: Mapping[str, CheckRow]) -> dict[str, dict[str, str]]:
    return {kind: {name: row.destroys for name, row in rows.items() if kind in row.kinds} for kind in KINDS}


SANITY_CHECKS = _counted(CHECKS)
"""Which built-in checks count, by the kind of ticket, and what each destroys: see `CHECKS`."""


def sanity_checks_of(study: Study) -> dict[str, dict[str, str]]:
    """Return which checks count in a study, by the kind of ticket, and what each destroys, as `SANITY_CHECKS`."""
    names = (name for ticket in study.tickets for name in study.checks_of(ticket))
    return _counted({**CHECKS, **{name: study.check(name) for name in names}})


PARTIALLY_TRAINED = frozenset(name for name, row in TICKETS.items() if row["start"] != "init")
"""Built-in tickets that start from trained weights; a study with tickets of its own passes its own set."""

SUMMARY_COLUMNS = ["study", "ticket", "summary", "uses", "ignores", "inconclusive", "collapsed", "why"]


def method_summaries(
    verdicts: pd.DataFrame,
    *,
    partially_trained: Collection[str] = PARTIALLY_TRAINED,
    sanity_checks: Mapping[str, Mapping[str, str]] = SANITY_CHECKS,
) -> pd.DataFrame:
    """Say of each method whether it is sane: whether destroying what it should use hurts it.

    - not sane: it ignores at least one check that counts, in at least one place (data set and network);
    - sane: every check that counts and can be compared is `uses`, for the data and for the connections;
    - undecided: neither, because rows are inconclusive or collapsed, or a check was not run.

    Args:
        verdicts: from prunepipe.verdicts.verdicts.verdicts.
        partially_trained: tickets that start from trained weights.
        sanity_checks: as SANITY_CHECKS.
    Returns:
        One row per study and ticket with SUMMARY_COLUMNS; the counts are over the rows that count.
    """
    rows = []
    for (study, ticket), own in verdicts.groupby(["study", "ticket"], sort=False):
        counted = sanity_checks["partially trained" if ticket in partially_trained else "initial"]
        relevant = own[own["check"].isin(list(counted))]
        summary, why = _judge(str(ticket), relevant, counted)
        words = relevant["verdict"].value_counts()
        counts = {word: int(words.get(word, 0)) for word in SUMMARY_COLUMNS[3:7]}
        rows.append({"study": study, "ticket": ticket, "summary": summary, **counts, "why": why})
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _judge(ticket: str, rows: pd.DataFrame, counted: Mapping[str, str]) -> tuple[str, str]:
    """The summary word and its sentence, from the rows that count."""
    name = ticket_label(ticket)
    ignored = rows[rows["verdict"] == "ignores"]
    used = rows[rows["verdict"] == "uses"]
    open_rows = rows[rows["verdict"] == "inconclusive"]
    collapsed = rows[rows["verdict"] == "collapsed"]
    if len(ignored):
        return "not sane", _not_sane(name, ignored, used, counted)
    seen = {counted[check] for check in used["check"]}
    unseen = [part for part in _parts(counted) if part not in seen]
    doubts = [f"inconclusive under {_listed(open_rows)}"] if len(open_rows) else []
    doubts += [f"collapsed under {_listed(collapsed)}"] if len(collapsed) and unseen else []
    never = [part for part in unseen if part not in {counted[check] for check in rows["check"]}]
    doubts += [f"never checked for its use of {' and '.join(never)}"] if never else []
    if doubts:
        return "undecided", f"It is not decided whether {name} is sane: {'; '.join(doubts)}."
    aside = f" (set aside because collapsed: {_listed(collapsed)})" if len(collapsed) else ""
    return "sane", f"{name} is sane: it loses accuracy under {_listed(used)}{aside}."


def _not_sane(name: str, ignored: pd.DataFrame, used: pd.DataFrame, counted: Mapping[str, str]) -> str:
    parts = [part for part in _parts(counted) if part in {counted[check] for check in ignored["check"]}]
    elsewhere = f"; it does lose accuracy under {_listed(used)}" if len(used) else ""
    unused = " or ".join(parts)
    return f"{name} is not sane: it does not use {unused}, unharmed by {_listed(ignored)}{elsewhere}."


def _parts(counted: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(counted.values()))


def _listed(rows: pd.DataFrame) -> str:
    """Checks with their places, for example "rearrange (CIFAR-10, VGG19; CIFAR-10, ResNet32)"."""
    places: dict[str, list[str]] = {}
    for check, dataset, network in zip(rows["check"], rows["dataset"], rows["network"], strict=True):
        places.setdefault(check, []).append(f"{dataset_label(dataset)}, {network_label(network)}")
    return ", ".join(f"{check_label(check)} ({'; '.join(names)})" for check, names in places.items())
