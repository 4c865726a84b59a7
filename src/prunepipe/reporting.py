"""How a long stage tells that it is alive: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def epoch_reporter(epochs: int, first_epoch: int = 0) -> Callable[[dict[str, Any], float], None]:
    """Return a function to call after every epoch with its history row and its seconds.

    Args:
        epochs: of the whole training.
        first_epoch: epochs already done.
    """
    bar = tqdm(total=epochs, initial=first_epoch, unit="epoch", disable=not sys.stderr.isatty())

    def report(row: dict[str, Any], seconds: float) -> None:
        text = (
            f"train loss {row['train_loss']:.4f}, train {row['train_accuracy']:.2f} %, "
            f"test {row['test_accuracy']:.2f} %, learning rate {row['learning_rate']:g}"
        )
        if bar.disable:
            print(f"epoch {row['epoch']}/{epochs}: {text}, {seconds:.2f} s", flush=True)
        bar.set_postfix_str(text)
        bar.update()

    return report
