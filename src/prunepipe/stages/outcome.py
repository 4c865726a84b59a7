"""What a training stage leaves behind, whether it trained or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from prunepipe.artifacts import Arrays, remove_temporary, write_arrays, write_json
from prunepipe.stages.execution import Execution


@dataclass(frozen=True)
class Outcome:
    """The end of a training run.

    Attributes:
        weights: parameters and buffers after the last epoch.
        history: one row an epoch: learning rate, losses, accuracies.
        logits: float32 [N, K] of the test images.
        seconds: of each epoch; kept apart, because they alone differ between equal runs.
        facts: device, precision, library versions.
        snapshots: weights at the rewind epochs.
        shape: what the ticket's mask leaves of the network, as `describe` says; empty for a dense run.
    """

    weights: Arrays
    history: list[dict[str, Any]]
    logits: np.ndarray
    seconds: Sequence[float]
    facts: dict[str, Any]
    snapshots: dict[int, Arrays] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)


class RunFiles(Protocol):
    """Paths of the files that every run writes beside its weights."""

    history: str
    logits: str
    timing: str


def write_run(outcome: Outcome, files: RunFiles) -> None:
    """Write history, test logits and timing."""
    write_json(files.history, {"epochs": outcome.history})
    write_arrays(files.logits, {"logits": outcome.logits})
    write_json(files.timing, {"seconds": list(outcome.seconds), **outcome.facts})


def finished(execution: Execution) -> None:
    """Delete the checkpoint of a run that is measured, and what a killed write of it left.

    Not when its training ends: if Snakemake or the cluster job dies before the workflow takes note of that, the
    training is done again, and then it goes on from its last checkpoint instead of from its start.
    """
    if execution.checkpoint is not None:
        execution.checkpoint.unlink(missing_ok=True)
        remove_temporary(execution.checkpoint)
