"""What was looked at first: looks or seeds that were changed after results were seen are flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def looked_at(looks: Sequence[int], seeds: Sequence[int]) -> dict[str, list[int]]:
    """Return the record of a study's plan: its looks, and its seeds in order."""
    return {"looks": list(looks), "seeds": list(seeds)}


def changes(before: Mapping[str, Any] | None, looks: Sequence[int], seeds: Sequence[int]) -> list[str]:
    """Say what was changed since the results were first judged, in a way that the error rates do not allow for.

    Seeds that are added at the end of the list, and looks that are added after the last, are no such change if they
    were planned: looks are not, because every look spends a share of the level that is set by their number.

    Args:
        before: from `looked_at`, when the study was first judged; None: it never was.
        looks: of now.
        seeds: of now.
    Returns:
        Sentences; none if nothing was changed.
    """
    if before is None:
        return []
    told = []
    if list(before["looks"]) != list(looks):
        old = ", ".join(map(str, before["looks"]))
        told.append(
            f"verdict.looks was [{old}] when these results were first judged: the error rates hold for looks that are"
            " chosen beforehand; set them back, or judge new seeds"
        )
    used = [*before["seeds"]][: max(before["looks"])]
    if list(seeds)[: len(used)] != used:
        old = ", ".join(map(str, used))
        told.append(
            f"seeds began with {old} when these results were first judged: looks take the first seeds of the list;"
            " set them back, and add new seeds at the end"
        )
    return told
