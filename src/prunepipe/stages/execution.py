"""How a stage is executed: nothing here changes its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from prunepipe.training.checkpoint import Checkpoint, TrainState


@dataclass(frozen=True)
class Execution:
    """Where and how a stage runs.

    Attributes:
        device: "auto", "cpu" or "cuda".
        threads: CPU threads.
        checkpoint: file that an interrupted training run comes back from, or None.
        checkpoint_seconds: least time between two checkpoints.
        code: version of the stage's code; a checkpoint of other code is refused.
        deterministic: whether operations that have no deterministic form are refused.
        score_time_limit: seconds that a call of a user's own score may take.
        tensorboard: whether a training run writes TensorBoard's event files beside its checkpoint.
    """

    device: str = "cpu"
    threads: int = 1
    checkpoint: Path | None = None
    checkpoint_seconds: float = 120.0
    code: str = ""
    deterministic: bool = True
    score_time_limit: float = 3600.0
    tensorboard: bool = False

    def checkpoint_of(self, identity: Mapping[str, Any]) -> Checkpoint | None:
        """Return the run's checkpoint, which only a run of this identity and code may use."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, {**identity, "code": self.code}, self.checkpoint_seconds)

    def watchers(self) -> list[Callable[[TrainState], None]]:
        """Return what else is to be told of every epoch that a training run finishes."""
        if not self.tensorboard or self.checkpoint is None:
            return []
        # Loaded by name, so that how a run is watched is no part of any stage's code version.
        return [import_module("prunepipe.training.tensorboard").event_writer(self.checkpoint.parent)]
