"""Build the study of `prunepipe judge`: a method under all checks of the battery, beside controls."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunepipe.errors import ConfigError
from prunepipe.study.built_in import CHECKS, TICKETS
from prunepipe.study.controls import Kinds, control_rows, known_kinds
from prunepipe.study.names import OWN
from prunepipe.study.rows import VerdictRule
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.study.ticket import Ticket

BATTERY = tuple(name for name, row in CHECKS.items() if row.battery)
"""Every judged method, of either class, goes through these checks; those of its class decide the verdict."""

CONTROLS = ("lottery", "random")
"""Controls, judged by the checks of their class: one known method, and one that uses nothing."""

BASELINE = "random_uniform"
"""Run without checks; gains of methods are measured relative to it."""

RESERVED = frozenset({*TICKETS, FULL_NETWORK})
"""Reserved names, which no judged method may take."""


@dataclass(frozen=True)
class Method:
    """A method as the user describes it on the command line.

    Attributes:
        score: a built-in name, "package.module:function" or "file.py:function".
        name: name of its ticket and of the study.
        start: the weights that retraining starts from.
        scored: the weights that are scored.
        allocation: a built-in name or a reference.
        choices: further keys of its ticket.
    """

    score: str
    name: str
    start: str = "init"
    scored: str = "init"
    allocation: str = "global"
    choices: dict[str, Any] = field(default_factory=dict)


def method_name(score: str) -> str:
    """Return a name for a method that differs from all built-in tickets: the function's name, if possible."""
    name = score.rpartition(":")[2].strip("_") or "method"
    return f"own_{name}" if name in RESERVED else name


def require_own_name(name: str) -> str:
    """Validate the name of a method, its ticket, its study and its folder.

    Raises:
        ConfigError: the name has other characters than letters, digits and _, or is a built-in ticket's, whose row
            would be judged, or completed, in place of the method's.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", name):
        raise ConfigError(f"--name {name}: must be letters, digits and _, for example my_method.")
    if name in RESERVED:
        raise ConfigError(f"--name {name}: a built-in ticket is called that; choose another, as own_{name}.")
    return name


def derived_study(
    base: Study,
    method: Method,
    *,
    prune_ratios: Sequence[float] | None = None,
    seeds: int | None = None,
    looks: tuple[int, ...] | None = None,
    kinds: Sequence[Kinds] = (),
) -> dict[str, Any]:
    """Return the study that judges a method, as plain values.

    Args:
        base: gives data set, network, recipe and margin.
        method: the method to judge.
        prune_ratios: default: the first prune ratio of `base`.
        seeds: repetitions at most; default: as many as the last look takes.
        looks: default: those of `base` if they are several, else those of a study that names none.
        kinds: weights by kind of its networks, where a trial has counted them; they decide about the controls' rows.
    """
    ratios = prune_ratios or base.prune_ratios[:1]
    rows = control_rows(kinds or known_kinds(base) or (), ratios)
    row = _row(method)
    kept = base.model_dump(
        mode="json", exclude_unset=True, include={"recipe", "scoring", "verdict", "prunable"}
    )
    if looks is None:
        looks = base.verdict.looks if len(base.verdict.looks) > 1 else VerdictRule().looks
    return {
        "name": method.name,
        "datasets": {key: _absolute_in(base.datasets[key], "source") for key in base.datasets},
        "networks": {key: _absolute_in(base.networks[key], "architecture") for key in base.networks},
        **kept,
        "verdict": {**_without_own_control(kept.get("verdict", {}), method.name), "looks": list(looks)},
        "tickets": {
            method.name: {"checks": _battery(row), **row},
            **{name: rows[name] for name in CONTROLS},
            BASELINE: {**rows[BASELINE], "checks": []},
            **_positive_controls(base, taken={*CONTROLS, BASELINE, method.name}),
        },
        "prune_ratios": list(ratios),
        "seeds": list(range(max(looks, default=0) if seeds is None else seeds)),
        "tables": ["initial_checks"] if method.start == "init" else ["initial_checks", "partial_checks"],
    }


def _row(method: Method) -> dict[str, Any]:
    """Return the ticket's row of a method."""
    references = {"score": absolute(method.score), "allocation": absolute(method.allocation)}
    return {"scored": method.scored, **references, "start": method.start, **method.choices}


def _without_own_control(verdict: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the base's verdict rule without the judged method as a positive control, since its row has changed."""
    controls = {
        ticket: checks for ticket, checks in verdict.get("positive_controls", {}).items() if ticket != name
    }
    rest = {key: value for key, value in verdict.items() if key != "positive_controls"}
    return {**rest, "positive_controls": controls} if controls else rest


def _positive_controls(base: Study, taken: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of the tickets that must come out as `uses` under their checks, or the study misses what is used.

    Args:
        base: lists them, `verdict.positive_controls`.
        taken: tickets that the judgement has already.
    """
    return {
        name: {**base.tickets[name].model_dump(mode="json", exclude_unset=True), "checks": list(checks)}
        for name, checks in base.verdict.positive_controls.items()
        if name not in taken
    }


def _battery(row: dict[str, Any]) -> list[str]:
    """Return the checks that are meaningful for a ticket."""
    ticket = Ticket.model_construct(**row)
    scores = [name for name in BATTERY if CHECKS[name].stage == "score"]
    try:
        refused = [name for name in scores if ticket.refusal(CHECKS[name])]
    except ValueError:  # an unknown name; validating the study reports it
        refused = []
    return [name for name in BATTERY if name not in refused]


def absolute(reference: str) -> str:
    """Return a "file.py:function" with the file's full path; anything else unchanged."""
    place, _, name = reference.rpartition(":")
    return (
        f"{Path(place).resolve()}:{name}" if OWN.fullmatch(reference) and place.endswith(".py") else reference
    )


def _absolute_in(choice: Any, key: str) -> dict[str, Any]:
    values: dict[str, Any] = choice.model_dump(mode="json", exclude_unset=True)
    if values.get(key):
        values[key] = absolute(values[key])
    own_files = {own: str(Path(values[own]).resolve()) for own in ("folder", "arrays") if values.get(own)}
    return values | own_files
