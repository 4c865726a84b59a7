"""Masks that connectivity is given: never changed, refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from test_connectivity import RECORDINGS, _full, _mask

from prunepipe.errors import ScoreError
from prunepipe.networks.connectivity import connectivity


def test_mask_is_not_changed() -> None:
    mask = _mask(RECORDINGS["resnet"], 0, 0.5)
    before = {layer: array.copy() for layer, array in mask.items()}
    connectivity(mask, RECORDINGS["resnet"])
    assert all(np.array_equal(before[layer], mask[layer]) for layer in mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classifier.weight": None}, "masks lack 'classifier.weight'"),
        ({"extra": np.ones(1, bool)}, "masks hold the unknown 'extra'"),
        (
            {"classifier.weight": np.ones((3, 2), bool)},
            r"masks of 'classifier.weight' have shape \(3, 2\), expected \(3, 3\)",
        ),
        ({"classifier.weight": np.ones((3, 3), np.uint8)}, "has type uint8, must be bool"),
    ],
)
def test_masks_that_do_not_fit_are_refused(change: dict[str, np.ndarray | None], message: str) -> None:
    mask = {name: array for name, array in (_full(RECORDINGS["vgg"]) | change).items() if array is not None}
    with pytest.raises(ScoreError, match=message):
        connectivity(mask, RECORDINGS["vgg"])
