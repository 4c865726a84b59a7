"""Validate the training data that a user's data check returns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset
from prunepipe.errors import ArtifactError, ScoreError


def require_training_data(check: str, dataset: Dataset, changed: Any) -> Arrays:
    """Return the "images" and "labels" that a data check made.

    Args:
        check: "module:function", for the message.
        dataset: what it was given a copy of.
        changed: what it returned.

    Raises:
        ScoreError: not a pair of uint8 images [N, C, H, W] and int64 labels [N] of the data set's form.
    """
    if not isinstance(changed, tuple) or len(changed) != 2:
        raise ScoreError(
            f"data check {check}: must return (images, labels), returned {type(changed).__name__}."
        )
    images, labels = changed
    try:
        replace(dataset, train_images=images, train_labels=labels)  # a data set checks its own form
    except (ArtifactError, AttributeError) as error:  # AttributeError: not an array at all
        raise ScoreError(f"data check {check}: {error}") from error
    return {"images": images, "labels": labels}
