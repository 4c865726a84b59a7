"""All that is said of a study's methods, from its results and its own rule for verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from prunepipe.results.made_with import distinct, settings_id, with_sources
from prunepipe.study.study import Study
from prunepipe.verdicts.decomposition import decomposition
from prunepipe.verdicts.sanity import method_summaries, sanity_checks_of
from prunepipe.verdicts.verdicts import prune_ratio_effects, verdicts


@dataclass(frozen=True)
class Judgement:
    """Verdicts and what they rest on; each frame also says what its runs were made with.

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
        results: one row a run, see prunepipe.results.table.COLUMNS.
        study: says what is expected, the margin and the significance.
    """
    rule = study.verdict
    found = verdicts(results, margin=rule.margin, significance=rule.significance)
    done = results[results["status"] == "done"]
    partially_trained = {name for name, ticket in study.tickets.items() if not ticket.initial}
    effects = prune_ratio_effects(results, margin=rule.margin, significance=rule.significance)
    summaries = method_summaries(
        found, partially_trained=partially_trained, sanity_checks=sanity_checks_of(study)
    )
    return Judgement(
        with_sources(found, done, study),
        with_sources(effects, done, study),
        with_sources(summaries, done, study),
        with_sources(decomposition(results), done, study),
        [
            f"study {study.name} (settings {settings_id(study)}): {len(done)} of {len(results)} runs done, "
            f"seeds {distinct(study.seeds)}",
            f"margin {rule.margin:g} points, significance {rule.significance:g} after Holm's correction",
            f"prunepipe {distinct(done['version'])}, code {distinct(done['code'])}",
            f"device {distinct(done['device'])}, precision {distinct(done['precision'])}"
            + _nondeterministic(done),
            f"data {distinct(done['data_checksum'])}",
        ],
    )


def _nondeterministic(done: pd.DataFrame) -> str:
    """Say how many runs were allowed operations without a deterministic form, if any."""
    runs = int(done["deterministic"].astype(str).eq("False").sum())
    return (
        f"; deterministic: false in {runs} of {len(done)} runs, which come out differently each time"
        if runs
        else ""
    )
