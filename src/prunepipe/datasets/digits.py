"""Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8 pixels, nothing to download."""

from __future__ import annotations

from importlib.util import find_spec
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
    table = _table()
    labels = table[:, -1].astype(np.int64)
    images = np.rint(table[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    test = np.zeros(len(labels), dtype=bool)
    test[np.argsort(labels, kind="stable")[::2]] = True
    return Dataset(images[~test], labels[~test], images[test], labels[test], classes=10, mean=MEAN, std=STD)


def _table() -> np.ndarray:
    """Return scikit-learn's file of digits [N, 65]: grey levels of 8 x 8 pixels, then the label."""
    # Importing scikit-learn takes longer than everything else that `prunepipe try` does.
    package = find_spec("sklearn")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])
