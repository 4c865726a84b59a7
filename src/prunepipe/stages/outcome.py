"""The outcome of a training stage, and the files it is written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays, remove_temporary, write_arrays, write_json
from prunepipe.stages.execution import Execution


@dataclass(frozen=True)
class Outcome:
    """The outcome of a training run.

    Attributes:
        weights: parameters and buffers after the last epoch.
        history: one row per epoch: learning rate, losses, accuracies.
        logits: logits of the test images, float32 [N, K].
        seconds: duration of each epoch; stored separately, because only they differ between equal runs.
        facts: how it was trained: device, version of torch, threads, CPU seconds, number of images.
        snapshots: weights at the rewind epochs.
        before: accuracy (percent) and loss (nats) on the test images before training; empty for a dense run.
        shape: the description of the ticket's mask by `describe`; empty for a dense run.
        mask: the mask that a search ended with; otherwise empty.
    """

    weights: Arrays
    history: list[dict[str, Any]]
    logits: np.ndarray
    seconds: Sequence[float]
    facts: dict[str, Any]
    snapshots: dict[int, Arrays] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)
    mask: Arrays = field(default_factory=dict)
    before: dict[str, float | None] = field(default_factory=dict)


def untrained(weights: Arrays, shape: dict[str, Any]) -> Outcome:
    """Return the outcome of a ticket with layer collapse, which is not trained because its output is constant.

    The logits are empty: evaluation records chance accuracy for a constant network.

    Args:
        weights: the ticket's weights.
        shape: the description of its mask; see `prunepipe.stages.describing`.
    """
    facts = {"device": "none", "torch": "", "threads": 0, "images": 0}
    return Outcome(weights, [], np.zeros((0, 0), np.float32), [], facts, shape=shape)


def write_run(outcome: Outcome, files: SimpleNamespace) -> None:
    """Write `history`, test `logits` and `timing` to the paths of these names."""
    before = {"before": outcome.before} if outcome.before else {}
    write_json(files.history, {"epochs": outcome.history, **before})
    write_arrays(files.logits, {"logits": outcome.logits})
    write_json(files.timing, {"seconds": list(outcome.seconds), **outcome.facts})


def finished(execution: Execution) -> None:
    """Delete the checkpoint of an evaluated run or a search, and temporary files of killed writes of it.

    The checkpoint of an evaluated run is not deleted when training ends: if Snakemake or the cluster job dies before
    the workflow registers the result, the training job is repeated, and then resumes from its last checkpoint.
    """
    if execution.checkpoint is not None:
        execution.checkpoint.unlink(missing_ok=True)
        remove_temporary(execution.checkpoint)
