"""N:M patterns: N weights kept of every M that lie side by side along the input channels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GROUPS = (2, 4, 8, 16)
"""The M that are looked for."""

LEAST_GROUPS = 32
"""Fewer groups show no pattern: exactly N of M in nine groups of ten is then not beyond chance."""

PATTERN_SHARE = 0.9
"""A mask has a pattern, perhaps a broken one, from this share of groups on; at random it is at most a half (1:2)."""


class Pattern(NamedTuple):
    """An N:M pattern of a layer.

    Attributes:
        kept, group: N and M.
        broken: groups that keep another number than N.
        groups: all groups.
    """

    kept: int
    group: int
    broken: int
    groups: int


def pattern_of(mask: np.ndarray) -> Pattern | None:
    """Return the N:M pattern of a layer, whole or broken in a few groups, or None.

    Args:
        mask: bool, (out, in) or (out, in / groups, height, width).
    Returns:
        The one with the fewest broken groups, of several the smallest M.
    """
    rows = np.moveaxis(mask, 1, -1)  # [out, ..., in]
    found = [pattern for group in GROUPS if (pattern := _of_groups(rows, group))]
    return min(found, key=lambda pattern: pattern.broken / pattern.groups, default=None)


def _of_groups(rows: np.ndarray, group: int) -> Pattern | None:
    if rows.shape[-1] % group or rows.size < group * LEAST_GROUPS:
        return None
    counts = np.bincount(rows.reshape(-1, group).sum(axis=1), minlength=group + 1)
    kept, groups = int(counts.argmax()), int(counts.sum())
    if not 0 < kept < group or counts[kept] < PATTERN_SHARE * groups:
        return None
    return Pattern(kept, group, groups - int(counts[kept]), groups)
