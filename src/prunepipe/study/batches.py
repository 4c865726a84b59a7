"""The limits of the batches of an epoch."""

from __future__ import annotations


def batch_bounds(count: int, size: int) -> list[tuple[int, int]]:
    """Return the start and the end of every batch of an epoch, as in slices.

    The last batch holds the remaining images. A single remaining image joins the batch before it, because BatchNorm
    cannot compute the variance of one value.

    Args:
        count: images in an epoch.
        size: images in a batch.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))
