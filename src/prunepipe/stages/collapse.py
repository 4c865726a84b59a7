"""A ticket whose mask leaves no path from input to output: recorded, not trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.stages.outcome import Outcome


def untrained(weights: Arrays, shape: dict[str, Any]) -> Outcome:
    """Return the outcome of a constant network after no epochs.

    The logits are empty: what a constant network scores is chance, and evaluation says so.

    Args:
        weights: of the ticket.
        shape: what its mask leaves of the network.
    """
    facts = {"device": "none", "torch": "", "threads": 0}
    return Outcome(weights, [], np.zeros((0, 0), np.float32), [], facts, shape=shape)
