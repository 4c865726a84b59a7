"""The stage that applies a check and so completes the ticket, without torch."""

from __future__ import annotations

from prunepipe.artifacts import Arrays
from prunepipe.pruning.checks import apply_mask
from prunepipe.seeds import numpy_generator
from prunepipe.stages.own_checks import checked
from prunepipe.stages.schemas.checking import CheckSettings


def apply_check(
    weights: Arrays, mask: Arrays, fresh: Arrays, settings: CheckSettings
) -> tuple[Arrays, Arrays]:
    """Apply a check to the mask or the start weights, and mask the weights.

    Args:
        weights: the state dict that retraining would start from.
        mask: the ticket's mask.
        fresh: an independent initialisation, for checks that redraw weights.
        settings: which check, and the seed.

    Returns:
        The ticket's weights, zero where pruned, and its mask.
    """
    generator = numpy_generator(settings.seed, "check", settings.check)
    if settings.mask_check is not None:
        mask = checked("mask", settings.mask_check, mask, generator=generator)
    if settings.weights_check is not None:
        weights = checked("weights", settings.weights_check, weights, mask, fresh, generator=generator)
    return apply_mask(weights, mask), mask
