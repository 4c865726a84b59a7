"""Judge a study's methods from its results, by the study's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunepipe.results.layout import AS_FOUND
from prunepipe.results.made_with import distinct, settings_id, with_sources
from prunepipe.study.study import Study
from prunepipe.verdicts.against_random import against_random, verdicts_minus_random
from prunepipe.verdicts.decomposition import decomposition
from prunepipe.verdicts.readings import readings_of
from prunepipe.verdicts.record import changes
from prunepipe.verdicts.sanity import method_summaries
from prunepipe.verdicts.trust import dense_at_chance, failed_controls, with_caveats, with_method_caveats
from prunepipe.verdicts.verdicts import assessments, effects_by_look, verdicts


@dataclass(frozen=True)
class Judgement:
    """Verdicts and what they rest on; each frame also says what its runs were made with.

    Attributes:
        verdicts: one row per method, network, data set, check and prune ratio.
        effects: the same at every look, without a word.
        summaries: one row per method: sane, not sane or undecided, and why.
        against_random: one row per method, place and prune ratio: the method minus random tickets.
        gains: what the method gains through layer ratios, positions and weight values.
        flags: reasons not to trust the verdicts, in phrases.
        provenance: lines that say where the numbers come from, and the flags.
    """

    verdicts: pd.DataFrame
    effects: pd.DataFrame
    summaries: pd.DataFrame
    against_random: pd.DataFrame
    gains: pd.DataFrame
    flags: list[str]
    provenance: list[str]


def verdicts_of(results: pd.DataFrame, study: Study, focus: str | None = None) -> pd.DataFrame:
    """Return the verdicts of a study by its own rule, see `prunepipe.verdicts.verdicts.verdicts`.

    Args:
        results: one row per run, see prunepipe.results.table.COLUMNS.
        study: of the runs.
        focus: a ticket whose comparison with random tickets is listed first, see `verdicts_minus_random`.
    """
    compared = _compared(results, study)
    at_chance = dense_at_chance(compared)
    found = verdicts(assessments(compared, study.verdict, seeds=study.seeds, at_chance=at_chance))
    if focus is None:
        return found
    first = verdicts_minus_random(compared, study, focus, at_chance)
    return pd.concat([table for table in (first, found) if len(table)] or [found], ignore_index=True)


def _compared(results: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Leave out runs on the way to a mask: cycles, and networks as the search of their mask left them."""
    on_the_way = ~results["prune_ratio"].isin((0.0, *study.prune_ratios)) | (results["check"] == AS_FOUND)
    return results[~on_the_way]


def judge(results: pd.DataFrame, study: Study, *, record: Mapping[str, Any] | None = None) -> Judgement:
    """Judge every method of a study.

    Args:
        results: one row per run, see prunepipe.results.table.COLUMNS.
        study: says what is expected, the margin, the significance and the looks.
        record: of the first time that the study was judged, see prunepipe.verdicts.record.
    """
    results = _compared(results, study)
    rule, at_chance = study.verdict, dense_at_chance(results)
    assessed = assessments(results, rule, seeds=study.seeds, at_chance=at_chance)
    found, effects = verdicts(assessed), effects_by_look(assessed)
    flags = [
        *at_chance.values(),
        *changes(record, study),
        *failed_controls(found, study),
    ]
    random = against_random(results, study, at_chance)
    found = with_caveats(found, random).assign(flag="; ".join(flags))
    done = results[results["status"] == "done"]
    partially_trained = {name for name, ticket in study.tickets.items() if not ticket.initial}
    summaries = method_summaries(found, partially_trained=partially_trained, readings=readings_of(study))
    summaries = with_method_caveats(summaries, found, at_chance)
    runs = int(done["deterministic"].astype(str).eq("False").sum())
    differ = (
        f"; deterministic: false in {runs} of {len(done)} runs, which differ from one execution to the next"
    )
    loose = differ if runs else ""
    return Judgement(
        with_sources(found, done, study),
        with_sources(effects, done, study),
        with_sources(summaries, done, study),
        with_sources(random, done, study),
        with_sources(decomposition(results, study.verdict.significance), done, study),
        flags,
        [
            *(f"Not to be trusted: {flag}" for flag in flags),
            f"study {study.name} (settings {settings_id(study)}): {len(done)} of {len(results)} runs done, "
            f"seeds {distinct(study.seeds)}",
            _looks(study),
            f"margin {rule.margin:g} points; wrong claims in at most {100 * rule.significance:g} % of studies, for harm"
            " and for equivalence each",
            f"prunepipe {distinct(done['version'])}, code {distinct(done['code'])}",
            f"device {distinct(done['device'])}, precision {distinct(done['precision'])}{loose}",
            f"data {distinct(done['data_checksum'])}",
        ],
    )


def _looks(study: Study) -> str:
    looks, seeds = study.verdict.looks, len(study.seeds)
    line = f"looks after {', '.join(map(str, looks))} seeds of the list"
    if seeds < looks[0]:
        return f"{line}; the study has {seeds}, so nothing can be decided: list {looks[0]} seeds or more"
    last = max(look for look in looks if look <= seeds)
    beyond = f"; {seeds - last} of the {seeds} seeds come after the look at {last} and do not count yet"
    return line + (beyond if seeds > last else "")
