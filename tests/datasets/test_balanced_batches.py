"""Class-balanced batches for scores that read a few images."""

import numpy as np
import pytest
import torch

from prunepipe.errors import ConfigError
from prunepipe.pruning.rounds import balanced_batches, blank_batches

LABELS = np.array([2, 0, 1, 1, 0, 2, 2, 1, 0, 0, 1, 2, 2], np.int64)
IMAGES = np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1) * np.ones((1, 3, 2, 2), np.uint8)


def draw(seed: int = 0, images_per_class: int = 2, batches: int = 2):
    generator = torch.Generator().manual_seed(seed)
    return balanced_batches(
        IMAGES, LABELS, images_per_class, batches, 3, lambda images: images.float() / 2, generator=generator
    )


def test_balanced_batches_hold_each_class_equally_sorted_and_no_image_twice() -> None:
    batches = draw()
    assert [labels.tolist() for _, labels in batches] == [[0, 0, 1, 1, 2, 2]] * 2
    positions = torch.cat([images[:, 0, 0, 0] * 2 for images, _ in batches]).long()
    assert positions.unique().numel() == 12
    assert LABELS[positions].tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert all(images.shape == (6, 3, 2, 2) and images.dtype == torch.float32 for images, _ in batches)


def test_balanced_batches_follow_their_generator() -> None:
    first, again, other = (draw(seed)[0][0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"class 0 has 4 training images, the score needs 6 \(3 per class x 2 batches\)"
    ):
        draw(images_per_class=3)


def test_a_blank_batch_has_the_shape_and_no_content() -> None:
    ((images, labels),) = blank_batches(3, 8, 4)
    assert images.shape == (1, 3, 8, 4)
    assert labels.shape == (1,)
    assert not images.any()
