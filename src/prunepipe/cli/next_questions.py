"""Suggest what a referee would ask next about a judged method, with the commands that answer it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from prunepipe.cli.derived_study import Method, derived_study, method_name
from prunepipe.cli.verdict import csv_rows
from prunepipe.cli.workflow import study_file
from prunepipe.results.labels import chance_label
from prunepipe.study.rows import VerdictRule

USUAL = VerdictRule().looks
"""The default looks of a judgement."""
FEWER_KEPT = 0.4
"""The next prune ratio keeps this share of the weights that the current one keeps: after 0.95 comes 0.98."""


def next_questions(results: Path) -> list[str]:
    """Return the questions, each with its command; empty unless `prunepipe judge` wrote the study.

    Args:
        results: the folder of results.csv and tables/ of a judged method.
    """
    import yaml

    root = next(folder.parent for folder in (results, *results.parents) if folder.name == "results")
    name = next((row["study"] for row in csv_rows(results / "results.csv")), "")
    file = root / f"{name}.yaml"
    study = yaml.safe_load(file.read_text(encoding="utf-8")) if name and file.is_file() else {}
    ticket = study.get("tickets", {}).get(name)
    if not isinstance(ticket, dict) or "score" not in ticket:
        return []
    command = ["prunepipe", "judge", *(_of_mask(ticket) or [ticket["score"], *_options(ticket)])]
    place = [*([] if _on_quickstart(study) else ["--study", str(file)]), *_looks(study)]
    lines = []
    further = _further_seeds(results, study)
    for question, answer in [*further, *_questions(study, ticket, _checks(results, name))]:
        kept = [] if "--study" in answer else place
        kept = kept if "--name" in answer or name == method_name(ticket["score"]) else [*kept, "--name", name]
        lines.append(f"  {question}\n    {shlex.join([*command, *kept, *answer])}")
    return ["What a referee would ask next:", *lines] if lines else []


def _on_quickstart(study: dict[str, Any]) -> bool:
    """Return whether a method was judged on the data and networks that `prunepipe judge` uses by default."""
    from prunepipe.study.loading import load_study

    default = derived_study(load_study(study_file("quickstart")), Method("snip", "any"))
    return all(
        study.get(key) == default.get(key)
        for key in ("datasets", "networks", "recipe", "scoring", "prunable")
    )


def _looks(study: dict[str, Any]) -> list[str]:
    """Return the option that repeats the looks of a judgement, which must not change."""
    looks = tuple(study.get("verdict", {}).get("looks", USUAL))
    return [] if looks == USUAL else ["--looks", ",".join(map(str, looks))]


def _further_seeds(results: Path, study: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Ask for the seeds of the next look that the judgement did not reach, if there is one."""
    seeds, name = len(study["seeds"]), study["name"]
    same = _same_ratios(study)
    rows = [row for row in csv_rows(results / "tables" / "verdicts.csv") if row["ticket"] == name]
    ahead = [row for row in rows if row.get("next_look")]
    if not ahead:
        return []
    look = int(min(float(row["next_look"]) for row in ahead))
    asked = [row for row in ahead if int(float(row["next_look"])) == look]
    chances = [float(row["probability"]) for row in asked if row.get("probability")]
    chance = f" (at best with {chance_label(max(chances))}, if effect and spread stay)" if chances else ""
    checks = ", ".join(dict.fromkeys(row["check"] for row in asked))
    return [(f"Do {look} seeds decide {checks}{chance}?", [*same, "--seeds", str(max(look, seeds))])]


def _questions(
    study: dict[str, Any], ticket: dict[str, Any], checks: dict[str, list[str]]
) -> list[tuple[str, list[str]]]:
    if _of_mask(ticket):
        return []
    name, seeds, ratios = study["name"], len(study["seeds"]), study["prune_ratios"]
    if checks and checks.keys() <= {"collapses", "not judged"}:
        easier = f"{max(1 - (1 - ratios[0]) / FEWER_KEPT, 0):.4g}"
        question = f"Its masks leave no path: how does it do at a lower prune ratio ({easier})?"
        return [(question, ["--prune-ratio", easier, "--seeds", str(seeds)])]
    asked = []
    same = _same_ratios(study)
    if len(ratios) == 1:
        harder = f"{1 - (1 - ratios[0]) * FEWER_KEPT:.4g}"
        both = [*same, "--prune-ratio", harder, "--seeds", str(seeds)]
        asked.append((f"Does it hold at a higher prune ratio ({harder})?", both))
    if "fashion_mnist" not in study["datasets"]:
        other = ["--study", "fashion", "--name", f"{name}_fashion"]
        asked.append(("Does it hold on other data, with a larger network?", other))
    if ticket["start"] == "init":
        trained = ["--start", "final", "--name", f"{name}_final"]
        asked.append(("Does the score do better on trained weights?", trained))
    return asked


def _same_ratios(study: dict[str, Any]) -> list[str]:
    """Return the options that keep the prune ratios of a judgement; a mask in a file has its own."""
    if _of_mask(study["tickets"][study["name"]]):
        return []
    return [part for ratio in study["prune_ratios"] for part in ("--prune-ratio", f"{ratio:g}")]


def _of_mask(ticket: dict[str, Any]) -> list[str]:
    """Return the command-line options of a mask in a file; none for any other ticket."""
    if ticket["score"] != "from_file":
        return []
    start = [] if ticket["start"].startswith("file ") else ["--start", ticket["start"]]
    return ["--mask", ticket["score_options"]["file"], *start]


def _checks(results: Path, ticket: str) -> dict[str, list[str]]:
    """Return the checks of a method by their verdicts at any prune ratio."""
    found: dict[str, list[str]] = {}
    for row in csv_rows(results / "tables" / "verdicts.csv"):
        if row["ticket"] == ticket and row.get("verdict"):
            found.setdefault(row["verdict"], []).append(row["check"])
    return {word: list(dict.fromkeys(checks)) for word, checks in found.items()}


def _options(ticket: dict[str, Any]) -> list[str]:
    """Return the command-line options for a ticket's choices, without defaults."""
    chosen = [] if ticket["start"] == "init" else ["--start", ticket["start"]]
    if ticket["scored"] != ticket["start"]:
        chosen += ["--scored", ticket["scored"]]
    if ticket["allocation"] not in ("global", "constructed"):
        chosen += ["--allocation", ticket["allocation"]]
    for key in ("reads", "rounds", "missing", "zeros"):
        chosen += [f"--{key}", str(ticket[key])] if ticket.get(key) else []
    for key, value in ticket.get("score_options", {}).items():
        chosen += ["--option", f"{key}={value}"]
    return chosen
