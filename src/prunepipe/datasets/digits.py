"""Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8 pixels, nothing to download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prunepipe.datasets.dataset import Dataset

MEAN = (0.3058,)  # measured on the 898 training images
STD = (0.376,)


def load(folder: Path) -> Dataset:
    """Load scikit-learn's digits with a fixed stratified split, 898 for training and 899 for testing.

    Half of the images are for testing, because more test images reduce the spread between seeds of a check's
    effect. The split uses no random numbers: images are sorted by class (within a class in file order), and
    every second image of this sequence, starting with the first, is a test image. Grey levels 0 .. 16 are
    scaled to 0 .. 255 and rounded, so that white is white.

    Args:
        folder: not used; the images are part of scikit-learn.
    Returns:
        Images [N, 1, 8, 8] in file order.
    Source: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI repository, 1998.
    """
    from sklearn.datasets import load_digits  # takes a second to import, which only this loader should pay

    bunch = load_digits()
    labels = np.asarray(bunch.target, dtype=np.int64)
    images = np.rint(np.asarray(bunch.images) * (255 / 16)).astype(np.uint8)[:, None]
    test = np.zeros(len(labels), dtype=bool)
    test[np.argsort(labels, kind="stable")[::2]] = True
    return Dataset(images[~test], labels[~test], images[test], labels[test], classes=10, mean=MEAN, std=STD)
