"""A ticket whose mask leaves no path from input to output: recorded, not trained."""

from __future__ import annotations

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.stages.execution import Execution
from prunepipe.stages.outcome import Outcome
from prunepipe.stages.schemas.training import RetrainSettings


def untrained(
    data: str, weights: Arrays, mask: Arrays, settings: RetrainSettings, execution: Execution
) -> Outcome:
    """Return the outcome of a constant network after no epochs; takes what `retrain` takes.

    The logits are empty: what a constant network scores is chance, and evaluation says so.
    """
    del data, mask, settings, execution
    return Outcome(
        weights, [], np.zeros((0, 0), np.float32), [], {"device": "none", "torch": "", "threads": 0}
    )
