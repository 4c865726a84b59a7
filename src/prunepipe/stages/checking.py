"""The stage that applies a check: the mask and weights it leaves are the ticket; it needs no torch."""

from __future__ import annotations

from prunepipe.artifacts import Arrays
from prunepipe.pruning.checks import apply_mask
from prunepipe.seeds import numpy_generator
from prunepipe.stages.own_checks import checked


def apply_check(
    weights: Arrays,
    mask: Arrays,
    fresh: Arrays,
    *,
    check: str,
    mask_check: str | None,
    weights_check: str | None,
    seed: int,
) -> tuple[Arrays, Arrays]:
    """Change the mask or the start weights as a check says, and mask the weights.

    Args:
        weights: the state dict that retraining would start from.
        mask: of the ticket.
        fresh: an independent initialisation, for checks that re-draw weights.
        check: the check's name; with the seed it decides the random numbers.
        mask_check, weights_check: "module:function", or None.
        seed: of the run.

    Returns:
        The ticket's weights, zero where pruned, and its mask.
    """
    generator = numpy_generator(seed, "check", check)
    if mask_check is not None:
        mask = checked("mask", mask_check, mask, generator=generator)
    if weights_check is not None:
        weights = checked("weights", weights_check, weights, mask, fresh, generator=generator)
    return apply_mask(weights, mask), mask
