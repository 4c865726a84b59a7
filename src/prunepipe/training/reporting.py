"""Report the progress of training: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tqdm import tqdm

from prunepipe.training.checkpoint import TrainState


def epoch_reporter(
    epochs: int, watchers: Sequence[Callable[[TrainState], None]] = ()
) -> Callable[[TrainState], None]:
    """Return a function to call with the state after every epoch.

    Args:
        epochs: total number of epochs.
        watchers: further functions to call with it.
    """
    bar = tqdm(total=epochs, unit="epoch", disable=not sys.stderr.isatty())

    def report(state: TrainState) -> None:
        row = state.history[-1]
        test = f"test {row['test_accuracy']:.2f} %, " if "test_accuracy" in row else ""
        text = (
            f"train loss {row['train_loss']:.4f}, train {row['train_accuracy']:.2f} %, "
            f"{test}learning rate {row['learning_rate']:g}"
        )
        if bar.disable:
            print(f"epoch {row['epoch']}/{epochs}: {text}, {state.seconds[-1]:.2f} s", flush=True)
        bar.set_postfix_str(text, refresh=False)
        bar.update(state.epoch - bar.n)
        for watcher in watchers:
            watcher(state)

    return report
