"""How a stage is executed: nothing here changes its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunepipe.progress import Checkpoint


@dataclass(frozen=True)
class Execution:
    """Where and how a stage runs.

    Attributes:
        device: "auto", "cpu" or "cuda".
        threads: CPU threads.
        checkpoint: file that an interrupted training run comes back from, or None.
        checkpoint_seconds: least time between two checkpoints.
        code: version of the stage's code; a checkpoint of other code is refused.
    """

    device: str = "cpu"
    threads: int = 1
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60.0
    code: str = ""

    def checkpoint_of(self, identity: Mapping[str, Any]) -> Checkpoint | None:
        """Return the run's checkpoint, which only a run of this identity and code may use."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, {**identity, "code": self.code}, self.checkpoint_seconds)
