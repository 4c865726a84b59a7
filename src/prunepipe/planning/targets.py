"""Refuse impossible targets and folders with a one-line message before Snakemake fails on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from prunepipe.errors import ConfigError, unknown_name

MADE = re.compile(
    r"(?:\./)?(results|results/studies/[^/]+)/"
    r"(?:(table|figure)s/([^/]+)\.(?:csv|md|tex|svg|png)|(?:report\.html|(?:results|layers|histories|overlap)\.csv))"
)


def require_known_targets(
    targets: Iterable[str], known: Mapping[str, Iterable[str]], study: str, out: str
) -> None:
    """Refuse a table or figure that does not exist, or that belongs to another study.

    Args:
        targets: as given to Snakemake.
        known: the names of every "table" and "figure".
        study: name of the study that is run.
        out: folder of its tables, figures and report.

    Raises:
        ConfigError: names those that exist, or the study's own file.
    """
    for target in map(str, targets):
        found = MADE.fullmatch(target)
        if found and found[2] and found[3] not in known[found[2]]:
            raise ConfigError(f"{target}: {unknown_name(found[2], found[3], known[found[2]])}")
        if found and found[1] != out:
            own = target.removeprefix("./").replace(found[1], out, 1)
            raise ConfigError(f"{target}: not a file of study {study}; say {own}, or name another study.")


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
