"""Record the rule and the seeds when a study is first judged, and flag later changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prunepipe.artifacts import read_json, write_json
from prunepipe.results.layout import LOOKS, MADE_BY
from prunepipe.study.study import Study


def first_looked_at(study: Study, root: Path = Path()) -> dict[str, Any] | None:
    """Return the rule and the seeds with which a study's results were first judged; record them the first time.

    Args:
        study: as it is now.
        root: folder that holds `results/`.
    Returns:
        Lists "looks" and "seeds", numbers "margin" and "significance"; None if the study has no results yet.
    Raises:
        ArtifactError: the record cannot be read.
    """
    path = root / LOOKS.format(study=study.name)
    if not (root / MADE_BY.format(study=study.name)).is_file():
        return None
    if not path.is_file():
        rule = study.verdict
        numbers = {"margin": rule.margin, "significance": rule.significance}
        write_json(path, {"looks": list(rule.looks), "seeds": list(study.seeds), **numbers})
    return read_json(path, "looks", "seeds")


def changes(before: Mapping[str, Any] | None, study: Study) -> list[str]:
    """List the changes since the results were first judged for which the error rates do not hold.

    Seeds may be added at the end of the list.

    Args:
        before: from `first_looked_at`; None: not known.
        study: as it is now.
    Returns:
        Sentences; none if nothing was changed.
    """
    if before is None:
        return []
    told = []
    for name in ("looks", "margin", "significance"):
        now = getattr(study.verdict, name)
        first = before.get(name, now)  # older records have the looks only
        if _plain(first) != _plain(now):
            told.append(
                f"verdict.{name} was {_plain(first)} when these results were first judged: the error rates hold for a "
                "rule that is chosen beforehand; set it back, or judge new seeds"
            )
    used = list(before["seeds"])
    if list(study.seeds)[: len(used)] != used:
        told.append(
            f"the seeds were {used} when these results were first judged: looks take the first seeds of the"
            " list; set them back, and add new seeds at its end"
        )
    return told


def _plain(value: float | Sequence[int]) -> float | list[int]:
    return float(value) if isinstance(value, int | float) else list(value)
