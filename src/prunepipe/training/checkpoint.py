"""The state of a training run, and the checkpoint from which it resumes after an interruption."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays, read_arrays, write_arrays
from prunepipe.errors import ArtifactError


@dataclass
class TrainState:
    """The state from which a training run can resume.

    Attributes:
        epoch: number of finished epochs.
        step: number of steps done in the current epoch.
        loss, correct: sums over those steps.
        weights: parameters and buffers.
        optimizer: its state, by "group/parameter".
        history: one row per finished epoch.
        seconds: of each finished epoch; kept out of the history, which is the same in every equal run.
        snapshots: weights after the epochs that tickets rewind to.
        mask: True = kept, if the mask moves during training; otherwise empty.
        logits: of the test images, after the last epoch; not stored in checkpoints.
    """

    epoch: int
    weights: Arrays = field(default_factory=dict)
    optimizer: Arrays = field(default_factory=dict)
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    snapshots: dict[int, Arrays] = field(default_factory=dict)
    mask: Arrays = field(default_factory=dict)
    logits: np.ndarray | None = None


class Checkpoint:
    """The file from which an interrupted training run resumes.

    Args:
        path: path of the file, which is deleted when the run is finished.
        identity: settings, code version, checksums of data, weights and mask. A checkpoint with another identity is
            refused.
        interval: minimum time between two checkpoints in seconds; 0 writes one after every epoch.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], interval: float) -> None:
        self._path = path
        self._identity = dict(identity)
        self._interval = interval
        self._last = time.monotonic()

    def load(self) -> TrainState | None:
        """Return the saved state, or None if there is none; print the reason if a checkpoint is refused."""
        if not self._path.exists():
            return None
        try:
            arrays, metadata = read_arrays(self._path)
            self._require_same(metadata["identity"])
            return _unpack(arrays, metadata["progress"])
        except (ArtifactError, KeyError, TypeError, ValueError) as error:
            print(f"{self._path}: checkpoint refused: {error} The run starts from its beginning.", flush=True)
            return None

    def due(self) -> bool:
        """Return whether the interval since the last checkpoint has passed."""
        return time.monotonic() - self._last >= self._interval

    def save(self, state: TrainState) -> None:
        """Write a checkpoint now."""
        groups = {"weights": state.weights, "optimizer": state.optimizer, "mask": state.mask}
        groups |= {f"snapshot{epoch}": weights for epoch, weights in state.snapshots.items()}
        arrays = {
            f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()
        }
        plain = {
            name: getattr(state, name) for name in ("epoch", "step", "loss", "correct", "history", "seconds")
        }
        write_arrays(self._path, arrays, identity=self._identity, progress=plain)
        self._last = time.monotonic()

    def _require_same(self, found: Mapping[str, Any]) -> None:
        for key in self._identity.keys() | found.keys():
            if self._identity.get(key) != found.get(key):
                raise ArtifactError(f"it belongs to a run with other {key}.")


def _unpack(arrays: Arrays, plain: dict[str, Any]) -> TrainState:
    groups: dict[str, Arrays] = {"weights": {}, "optimizer": {}, "mask": {}}
    for key, value in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = value
    weights, optimizer, mask = (groups.pop(name) for name in ("weights", "optimizer", "mask"))
    snapshots = {int(group.removeprefix("snapshot")): values for group, values in groups.items()}
    return TrainState(weights=weights, optimizer=optimizer, mask=mask, snapshots=snapshots, **plain)


class StopRequestedError(Exception):
    """The scheduler or the user asked the run to stop, and its checkpoint is written."""


class StopSignal:
    """True once SIGTERM or SIGINT has arrived."""

    def __init__(self) -> None:
        self.number = 0

    def __bool__(self) -> bool:
        return self.number != 0


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Turn SIGTERM and SIGINT into a flag during training, so that the current step is finished first."""
    stop = StopSignal()

    def arrived(number: int, frame: object) -> None:
        stop.number = number

    previous = {number: signal.signal(number, arrived) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
