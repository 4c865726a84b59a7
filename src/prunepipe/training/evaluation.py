"""Measure a trained network: accuracy and loss from its logits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prunepipe.errors import ArtifactError


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of correct answers in percent; logits [N, K], labels [N]."""
    return 100.0 * float(np.mean(logits.argmax(axis=1) == labels))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross entropy in nats; logits [N, K], labels [N]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def scores_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """Return the accuracy in percent and the loss in nats of any network; the loss is None if a logit is not finite."""
    loss = cross_entropy(logits, labels) if np.isfinite(logits).all() else None
    return {"accuracy": accuracy(logits, labels), "loss": loss}


def evaluate(logits: np.ndarray, labels: np.ndarray, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Measure a trained network on the test set.

    Args:
        logits: [N, K], of the test images after the last epoch.
        labels: [N], of the test images.
        history: one row per epoch, with the test accuracy if it was measured. The run reports the last one; the best
            is only logged.

    Returns:
        accuracy and best_accuracy in percent, loss in nats, epochs trained.

    Raises:
        ArtifactError: the logits do not match the history.
    """
    measured = accuracy(logits, labels)
    last = history[-1]["test_accuracy"]
    if not math.isclose(measured, last, abs_tol=1e-6):
        raise ArtifactError(
            f"test accuracy from the logits is {measured}, the history's last epoch says {last}."
        )
    return {
        "accuracy": measured,
        "best_accuracy": max(row["test_accuracy"] for row in history if "test_accuracy" in row),
        "loss": cross_entropy(logits, labels),
        "epochs": len(history),
    }


def evaluate_collapsed(classes: int) -> dict[str, Any]:
    """Return chance accuracy and loss, for a network that is constant because no path joins input and output."""
    chance = 100.0 / classes
    return {"accuracy": chance, "best_accuracy": chance, "loss": math.log(classes), "epochs": 0}
