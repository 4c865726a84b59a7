"""Layer collapse: record a ticket whose mask leaves no path from input to output, without training it."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.stages.outcome import Outcome


def untrained(weights: Arrays, shape: dict[str, Any]) -> Outcome:
    """Return the outcome of a collapsed ticket, whose output is constant, after 0 epochs.

    The logits are empty: evaluation records chance accuracy for a constant network.

    Args:
        weights: the ticket's weights.
        shape: the description of its mask; see `prunepipe.stages.describing`.
    """
    facts = {"device": "none", "torch": "", "threads": 0, "images": 0}
    return Outcome(weights, [], np.zeros((0, 0), np.float32), [], facts, shape=shape)
