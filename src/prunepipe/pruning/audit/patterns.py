"""Find N:M patterns: masks that keep N of every M neighbouring weights along the input channels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GROUPS = (2, 4, 8, 16)
"""The values of M to look for."""

LEAST_GROUPS = 32
"""Fewest groups that can show a pattern: in fewer, nine in ten groups may keep N of M by chance."""

PATTERN_SHARE = 0.9
"""Share of groups from which a mask has a pattern, perhaps a broken one; by chance it is at most 1/2 (for 1:2)."""


class Pattern(NamedTuple):
    """The N:M pattern of a layer.

    Attributes:
        kept, group: N and M.
        broken: number of groups that do not keep exactly N.
        groups: number of groups.
    """

    kept: int
    group: int
    broken: int
    groups: int


def pattern_of(rows: np.ndarray) -> Pattern | None:
    """Find the N:M pattern of a layer, whole or broken in a few groups.

    Args:
        rows: mask, bool, [outputs, inputs] or [outputs, inputs, *kernel].
    Returns:
        The pattern with the smallest share of broken groups, with the smallest M among equals; None if there is none.
    """
    inputs_last = np.moveaxis(rows, 1, -1)  # [outputs, *kernel, inputs]
    found = [pattern for group in GROUPS if (pattern := _of_groups(inputs_last, group))]
    return min(found, key=lambda pattern: pattern.broken / pattern.groups, default=None)


def _of_groups(rows: np.ndarray, group: int) -> Pattern | None:
    if rows.shape[-1] % group or rows.size < group * LEAST_GROUPS:
        return None
    counts = np.bincount(rows.reshape(-1, group).sum(axis=1), minlength=group + 1)
    kept, groups = int(counts.argmax()), int(counts.sum())
    if not 0 < kept < group or counts[kept] < PATTERN_SHARE * groups:
        return None
    return Pattern(kept, group, groups - int(counts[kept]), groups)
