"""Reasons not to trust the verdicts of a study, or to expect little from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prunepipe.results.labels import place_text, ratio_label, row_label
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.verdicts.answer import CEILING, is_ceiling
from prunepipe.verdicts.sanity import HARM

NEAR_CHANCE = 1.2
"""A dense network is at chance up to this many times the accuracy of guessing."""


def dense_at_chance(results: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Find the networks whose dense runs have learnt nothing.

    Args:
        results: one row per run; accuracy and chance (of guessing among equally frequent classes) in percent.
    Returns:
        (data set, network) -> a sentence, for each whose mean dense accuracy is at chance; empty for results of older
        versions, which do not record the accuracy of guessing.
    """
    if "chance" not in results:
        return {}
    dense = results[(results["ticket"] == FULL_NETWORK) & (results["check"] == NO_CHECK)]
    dense = dense[dense["status"] == "done"][["dataset", "network", "accuracy", "chance"]]
    numbers = dense.assign(**{name: pd.to_numeric(dense[name]) for name in ("accuracy", "chance")})
    means = numbers.groupby(["dataset", "network"], sort=False).mean().reset_index().to_dict("records")
    return {
        (row["dataset"], row["network"]): (
            f"the dense network reaches {row['accuracy']:.1f} % on {place_text(row['dataset'], row['network'])}, and"
            f" guessing {row['chance']:.3g} %: it has learnt nothing, so"
            " nothing is judged there"
        )
        for row in means
        if row["accuracy"] <= NEAR_CHANCE * row["chance"]
    }


def failed_controls(verdicts: pd.DataFrame, study: Study) -> list[str]:
    """Return a sentence for each positive control of a study that did not come out as `uses`.

    Args:
        verdicts: from `prunepipe.verdicts.verdicts.verdicts`.
        study: lists its positive controls, `verdict.positive_controls`; they are judged after the last look
            that its seeds allow.
    """
    last = max((look for look in study.verdict.looks if look <= len(study.seeds)), default=0)
    done = verdicts[verdicts["look"].eq(last) & ~verdicts["verdict"].isin([*HARM, "not judged"])]
    asked = study.verdict.positive_controls
    return [
        f"the positive control {row_label(row['ticket'], row['check'])}, which must come out as `uses`, is"
        f" {row['verdict']} at {_place(row)}: the study may miss what methods use there"
        for row in done.to_dict("records")
        if row["check"] in asked.get(row["ticket"], ())
    ]


def with_caveats(verdicts: pd.DataFrame, against_random: pd.DataFrame) -> pd.DataFrame:
    """Add caveats to every verdict, in the column `caveat` and in its reason.

    Args:
        verdicts: from `prunepipe.verdicts.verdicts.verdicts`.
        against_random: from `prunepipe.verdicts.against_random.against_random`, of the same study.
    """
    keys = ["dataset", "network", "prune_ratio"]
    ceilings = {
        tuple(row[key] for key in keys) for row in against_random.to_dict("records") if is_ceiling(row)
    }
    found = []
    for row in verdicts.to_dict("records"):
        said = [CEILING] if tuple(row[key] for key in keys) in ceilings else []
        found.append("; ".join([*said, *_partial(row)]))
    reasons = [
        f"{reason} {text[0].upper()}{text[1:]}." if text else reason
        for reason, text in zip(verdicts["reason"], found, strict=True)
    ]
    return verdicts.assign(caveat=found, reason=reasons)


def with_method_caveats(
    summaries: pd.DataFrame, verdicts: pd.DataFrame, at_chance: Mapping[tuple[str, str], str]
) -> pd.DataFrame:
    """Add caveats to every method's summary, in the column `caveat`.

    Args:
        summaries: from `prunepipe.verdicts.sanity.method_summaries`; the reason of a method that is judged nowhere,
            because no dense network has learnt anything, says so.
        verdicts: from `with_caveats`.
        at_chance: from `dense_at_chance`.
    """
    caveats, reasons = [], []
    for row in summaries.to_dict("records"):
        own = verdicts[verdicts["ticket"] == row["ticket"]]
        places = zip(own["dataset"], own["network"], strict=True)
        stopped = [at_chance[place] for place in dict.fromkeys(places) if place in at_chance]
        everywhere = bool(stopped) and own["verdict"].eq("not judged").all()
        reasons.append(f"Not judged: {'; '.join(stopped)}." if everywhere else row["why"])
        level = own[own["caveat"].str.startswith(CEILING)].to_dict("records")
        ceiling = [f"at {', '.join(dict.fromkeys(map(_place, level)))}, {CEILING}"] if level else []
        caveats.append("; ".join([*ceiling, *_damages(own)]))
    return summaries.assign(why=reasons, caveat=caveats)


def _damages(verdicts: pd.DataFrame) -> list[str]:
    """Say how many of a method's own networks partly collapsed, for each place where some did."""
    found: dict[str, str] = {}
    for row in verdicts[verdicts["partial_reference"] > 0].to_dict("records"):
        total = row["look"] or row["expected_pairs"]
        found[_place(row)] = (
            f"at {_place(row)}, partial layer collapse in {row['partial_reference']} of {total} networks"
        )
    return list(found.values())


def _partial(row: Mapping[Any, Any]) -> list[str]:
    """Say how many networks of a comparison partly collapsed."""
    counts = row["partial"], row["partial_reference"]
    if not any(counts):
        return []
    return [
        f"partial layer collapse in {counts[0]} of {row['look'] or row['expected_pairs']} networks with the check,"
        f" {counts[1]} without"
    ]


def _place(row: Mapping[Any, Any]) -> str:
    return f"{ratio_label(row['prune_ratio'])} ({place_text(row['dataset'], row['network'])})"
