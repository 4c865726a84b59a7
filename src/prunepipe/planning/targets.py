"""Refuse what the workflow cannot make in one line, before Snakemake says it in its own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from prunepipe.errors import ConfigError, unknown_name

MADE = re.compile(r"(?:\./)?results/(table|figure)s/([^/]+)\.(?:csv|md|tex|svg|png)")


def require_known_targets(targets: Iterable[str], known: Mapping[str, Iterable[str]]) -> None:
    """Refuse a table or figure that does not exist.

    Args:
        targets: as given to Snakemake.
        known: the names of every "table" and "figure".

    Raises:
        ConfigError: names those that exist.
    """
    for target in map(str, targets):
        found = MADE.fullmatch(target)
        if found and found[2] not in known[found[1]]:
            raise ConfigError(f"{target}: {unknown_name(found[1], found[2], known[found[1]])}")


def require_plain_place(folder: Path) -> None:
    """Refuse a workflow in a folder that Snakemake cannot read its environment files from.

    Raises:
        ConfigError: the path holds braces, which Snakemake takes for wildcards.
    """
    if set("{}") & set(str(folder)):
        raise ConfigError(
            f"{folder}: Snakemake takes {{ and }} in the path of a workflow for wildcards; move the project to a "
            "folder without them."
        )
