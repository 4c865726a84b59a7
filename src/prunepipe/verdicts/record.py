"""Record the looks and seeds when a study is first judged, and flag later changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunepipe.artifacts import read_json, write_json
from prunepipe.results.layout import LOOKS, MADE_BY
from prunepipe.study.study import Study


def first_looked_at(study: Study, root: Path = Path()) -> dict[str, Any] | None:
    """Return the looks and seeds with which a study's results were first judged; record them the first time.

    Args:
        study: as it is now.
        root: folder that holds `results/`.
    Returns:
        Lists "looks" and "seeds"; None if the study has no results yet.
    Raises:
        ArtifactError: the record cannot be read.
    """
    path = root / LOOKS.format(study=study.name)
    if not (root / MADE_BY.format(study=study.name)).is_file():
        return None
    if not path.is_file():
        write_json(path, {"looks": list(study.verdict.looks), "seeds": list(study.seeds)})
    return read_json(path, "looks", "seeds")


def changes(before: Mapping[str, Any] | None, looks: Sequence[int], seeds: Sequence[int]) -> list[str]:
    """List the changes since the results were first judged for which the error rates do not hold.

    Seeds may be added at the end of the list.

    Args:
        before: from `first_looked_at`; None: not known.
        looks: the present ones.
        seeds: the present ones, in order.
    Returns:
        Sentences; none if nothing was changed.
    """
    if before is None:
        return []
    told = []
    if list(before["looks"]) != list(looks):
        told.append(
            f"verdict.looks was [{_listed(before['looks'])}] when these results were first judged: the error rates hold"
            " for looks that are chosen beforehand; set them back, or judge new seeds"
        )
    used = list(before["seeds"])
    if list(seeds)[: len(used)] != used:
        told.append(
            f"the seeds were [{_listed(used)}] when these results were first judged: looks take the first seeds of the"
            " list; set them back, and add new seeds at its end"
        )
    return told


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))
