"""How a stage is executed; none of these settings changes its result."""

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
        checkpoint: file that an interrupted training run resumes from, or None.
        checkpoint_seconds: minimum time between two checkpoints.
        code: version of the stage's code; checkpoints of other code are refused.
        deterministic: whether to refuse operations without a deterministic implementation.
        score_time_limit: seconds that a call of a user's own score may take.
        tensorboard: whether a training run writes TensorBoard event files next to its checkpoint.
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
        """Return the run's checkpoint, which only a run with this identity and code may use."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, {**identity, "code": self.code}, self.checkpoint_seconds)

    def watchers(self) -> list[Callable[[TrainState], None]]:
        """Return the functions that a training run calls after every epoch in addition to its report."""
        if not self.tensorboard or self.checkpoint is None:
            return []
        # Loaded by name, so that code that only watches a run does not count as code of the stages.
        return [import_module("prunepipe.training.tensorboard").event_writer(self.checkpoint.parent)]
