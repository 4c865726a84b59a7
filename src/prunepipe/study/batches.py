"""The limits of the batches of an epoch."""

from __future__ import annotations

MOST_JOINING, SHARE = 4, 20
"""Remaining images join the batch before if they are at most so many, and at most one in so many of a batch."""


def batch_bounds(count: int, size: int) -> list[tuple[int, int]]:
    """Return the start and the end of every batch of an epoch, as in slices.

    The last batch holds the remaining images. A few of them (one, or at most 4 and a twentieth of a batch) join the
    batch before it: BatchNorm cannot compute the variance of one value, and its gradients blow up on two alike.

    Args:
        count: images in an epoch.
        size: images in a batch.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] <= max(1, min(MOST_JOINING, size // SHARE)):
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))
