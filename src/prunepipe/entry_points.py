"""Names that installed packages register, known like the built-in ones; read only where a name is not built in."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

GROUPS = {
    "score": "prunepipe.scores",
    "allocation": "prunepipe.allocations",
    "network": "prunepipe.networks",
    "data set": "prunepipe.datasets",
}
"""The entry-point group of each kind of function; `CHECKS_GROUP` holds the checks of all stages."""

CHECKS_GROUP = "prunepipe.checks"
"""Its names are "stage.name", for example "mask.block_rearrange": a check changes one stage."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
"""What can be a folder's name and a wildcard; other names are not taken."""


@cache
def registered(kind: str) -> dict[str, str]:
    """Return the "module:function" of every name that packages register for a kind of function.

    Args:
        kind: a key of `GROUPS`, or "data check", "score check", "mask check", "weights check".
    """
    if kind in GROUPS:
        found = _entries(GROUPS[kind])
    else:
        prefix = kind.removesuffix(" check") + "."
        entries = _entries(CHECKS_GROUP).items()
        found = {name.removeprefix(prefix): value for name, value in entries if name.startswith(prefix)}
    return {name: value for name, value in found.items() if PLAIN_NAME.fullmatch(name)}


@cache
def registered_checks() -> dict[str, dict[str, str]]:
    """Return a row of choices, as in `prunepipe.zoology.CHECKS`, for every check that packages register."""
    parts = [name.partition(".") for name in _entries(CHECKS_GROUP)]
    return {name: {stage: name} for stage, _, name in parts if PLAIN_NAME.fullmatch(name)}


def _entries(group: str) -> dict[str, str]:
    return {entry.name: f"{entry.module}:{entry.attr}" for entry in metadata.entry_points(group=group)}
