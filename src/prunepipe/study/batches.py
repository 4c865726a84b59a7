"""Where the batches of an epoch begin and end."""

from __future__ import annotations


def batch_bounds(count: int, size: int) -> list[tuple[int, int]]:
    """Return the first place of every batch and the place after its last.

    The last batch holds what is left over. A single image that is left over joins the batch before it, because
    BatchNorm has no variance of one value.

    Args:
        count: images of an epoch.
        size: images of a batch.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))
