"""All that is said of a study's methods, from its results and its own rule for verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from prunepipe.judging.decomposition import decomposition
from prunepipe.judging.sanity import method_summaries
from prunepipe.judging.verdicts import prune_ratio_effects, verdicts
from prunepipe.study import Study


@dataclass(frozen=True)
class Judgement:
    """Verdicts and what they rest on.

    Attributes:
        verdicts: one row a method, network, data set and check.
        effects: the same at each single prune ratio, without a verdict.
        summaries: one row a method: sane, not sane or undecided, and why.
        gains: what the method gains through layer ratios, positions and weight values.
        provenance: lines that say where the numbers come from.
    """

    verdicts: pd.DataFrame
    effects: pd.DataFrame
    summaries: pd.DataFrame
    gains: pd.DataFrame
    provenance: list[str]


def judge(results: pd.DataFrame, study: Study) -> Judgement:
    """Judge every method of a study.

    Args:
        results: one row a run, see prunepipe.results.COLUMNS.
        study: says what is expected, the margin and the significance.
    """
    rule = study.verdict
    found = verdicts(results, margin=rule.margin, significance=rule.significance)
    partially_trained = {name for name, ticket in study.tickets.items() if not ticket.initial}
    done = results[results["status"] == "done"]
    return Judgement(
        found,
        prune_ratio_effects(results, margin=rule.margin, significance=rule.significance),
        method_summaries(found, partially_trained=partially_trained),
        decomposition(results),
        [
            f"study {study.name}: {len(done)} of {len(results)} runs done, seeds {_list(study.seeds)}",
            f"margin {rule.margin:g} points, significance {rule.significance:g} after Holm's correction",
            f"prunepipe {_list(done['version'])}, code {_list(done['code'])}",
            f"device {_list(done['device'])}, precision {_list(done['precision'])}",
            f"data {_list(done['data_checksum'])}",
        ],
    )


def _list(values: object) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))  # type: ignore[attr-defined]
