"""Write TensorBoard event files beside the results of a training run, if the user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prunepipe.errors import ConfigError
from prunepipe.training.checkpoint import TrainState

CURVES = {
    "loss/train": "train_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/test": "test_accuracy",
    "learning_rate": "learning_rate",
}
"""TensorBoard's curves by name, and the columns of the history that they show."""


def event_writer(folder: Path) -> Callable[[TrainState], None]:
    """Return a function that brings a run's event file up to date; call it with the state after every epoch.

    The event files of earlier attempts are replaced and the first call writes the whole history, so that a run that
    resumes from a checkpoint has one unbroken curve.

    Args:
        folder: the run's folder.

    Raises:
        ConfigError: the package tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "config.yaml: tensorboard: true needs the package tensorboard: pip install 'prunepipe[tensorboard]'."
        ) from error
    for earlier in folder.glob("events.out.tfevents.*"):
        earlier.unlink()
    writer, written = SummaryWriter(str(folder)), 0

    def write(state: TrainState) -> None:
        nonlocal written
        for row in state.history[written:]:
            for curve, column in CURVES.items():
                if column in row:  # the test accuracy is not measured after every epoch
                    writer.add_scalar(curve, row[column], row["epoch"])
        written = len(state.history)
        writer.flush()

    return write
