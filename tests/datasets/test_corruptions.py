"""The corruptions as controls: each changes what it claims to change and keeps the rest."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunepipe.datasets.corruptions import (
    corrupted_data,
    first_half,
    half_dataset,
    random_labels,
    random_pixels,
)
from prunepipe.errors import ConfigError
from prunepipe.plugins import load_function
from prunepipe.seeds import numpy_generator
from prunepipe.study.built_in import checks_of_stage

CORRUPTIONS = checks_of_stage("data")
CLASSES = 10
COUNT = 2_000
RANDOM = sorted(set(CORRUPTIONS) - {"first_half"})


def make_data(count=COUNT, shape=(3, 4, 4), classes=CLASSES):
    """Random images with labels 0, 1, 2, ... in turn."""
    generator = np.random.default_rng(5)
    images = generator.integers(256, size=(count, *shape), dtype=np.uint8)
    return images, np.arange(count, dtype=np.int64) % classes


def numbered(count):
    """Images that carry their own number, and labels that can be told from it."""
    numbers = np.arange(count)
    images = np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8)[:, :, None, None]
    return images, numbers % CLASSES


def numbers_of(images):
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 1, 0, 0]


def corrupt(name, images, labels, seed=0, classes=CLASSES):
    return load_function(CORRUPTIONS[name].function)(
        images, labels, classes, generator=numpy_generator(seed, "data")
    )


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_leaves_its_input_alone_and_keeps_the_form(name):
    images, labels = make_data()
    before = digest(images, labels)
    new_images, new_labels = corrupt(name, images, labels)
    assert digest(images, labels) == before
    assert (new_images.dtype, new_labels.dtype) == (np.uint8, np.int64)
    assert new_images.shape == (len(new_labels), *images.shape[1:])
    assert set(new_labels) <= set(range(CLASSES))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_generator_decides_everything(name):
    images, labels = make_data()
    assert digest(*corrupt(name, images, labels, seed=1)) == digest(*corrupt(name, images, labels, seed=1))


@pytest.mark.parametrize("name", RANDOM)
def test_seeds_differ(name):
    images, labels = make_data()
    assert digest(*corrupt(name, images, labels, seed=1)) != digest(*corrupt(name, images, labels, seed=2))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_but_clean_changes_the_data(name):
    images, labels = make_data()
    assert digest(*corrupt(name, images, labels)) != digest(images, labels)


@pytest.mark.parametrize("name", ["random_labels", "corrupted_data"])
def test_new_labels_are_uniform_and_agree_with_the_old_by_chance_only(name):
    images, labels = make_data(count=20_000, shape=(1, 1, 1))
    _, new_labels = corrupt(name, images, labels)
    agreement = np.mean(new_labels == labels)
    assert abs(agreement - 1 / CLASSES) < 5 * np.sqrt(0.1 * 0.9 / 20_000)  # five standard errors
    counts = np.bincount(new_labels, minlength=CLASSES)
    assert ((counts - 2_000) ** 2 / 2_000).sum() < 33.7  # chi-square, 9 degrees, p = 1e-4
    joint = np.histogram2d(labels, new_labels, bins=CLASSES)[0]
    assert ((joint - 200) ** 2 / 200).sum() < 153  # each old class spreads over all: 90 degrees, p < 1e-4


def test_new_labels_come_from_all_classes_even_if_the_old_do_not():
    images, labels = make_data()
    _, new_labels = random_labels(images, labels % 2, CLASSES, generator=numpy_generator(0))
    assert set(new_labels) == set(range(CLASSES))


def test_random_labels_keep_the_images_and_random_pixels_the_labels():
    images, labels = make_data()
    assert np.array_equal(corrupt("random_labels", images, labels)[0], images)
    assert np.array_equal(corrupt("random_pixels", images, labels)[1], labels)


@pytest.mark.parametrize("name", ["random_pixels", "corrupted_data"])
def test_each_image_keeps_its_own_values(name):
    images, labels = make_data()
    new_images, _ = corrupt(name, images, labels)
    rows, new_rows = images.reshape(COUNT, -1), new_images.reshape(COUNT, -1)
    assert np.array_equal(np.sort(new_rows), np.sort(rows))
    assert (new_rows != rows).any(axis=1).all()


def test_permutations_are_uniform_cross_channels_and_differ_between_images():
    size = 3 * 2 * 2
    image = np.arange(size, dtype=np.uint8).reshape(3, 2, 2)
    images = np.repeat(image[None], 12_000, axis=0)
    shuffled, _ = random_pixels(images, np.zeros(12_000, np.int64), CLASSES, generator=numpy_generator(3))
    rows = shuffled.reshape(12_000, size)
    assert len(np.unique(rows, axis=0)) > 11_900  # of 12! = 479,001,600 permutations
    counts = np.stack([np.bincount(rows[:, place], minlength=size) for place in range(size)])
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 184  # every value at every place: 121 degrees, p = 2e-4
    pairs = np.histogram2d(rows[:-1, 0], rows[1:, 0], bins=size)[0]  # one image tells nothing of the next
    expected = 11_999 / size**2
    assert ((pairs - expected) ** 2 / expected).sum() < 212  # 143 degrees, p = 2e-4


def test_corrupted_data_are_both_corruptions():
    images, labels = make_data()
    new_images, new_labels = corrupted_data(images, labels, CLASSES, generator=numpy_generator(0))
    generator = numpy_generator(0)
    _, expected_labels = random_labels(images, labels, CLASSES, generator=generator)
    expected_images, _ = random_pixels(images, labels, CLASSES, generator=generator)
    assert np.array_equal(new_labels, expected_labels)
    assert np.array_equal(new_images, expected_images)


def test_a_half_is_balanced_shuffled_and_without_repeats():
    images, labels = numbered(COUNT)
    half, half_labels = half_dataset(images, labels, CLASSES, generator=numpy_generator(0))
    numbers = numbers_of(half)
    assert len(np.unique(numbers)) == COUNT // 2
    assert np.array_equal(half_labels, labels[numbers])  # every image with its own label
    assert np.bincount(half_labels).tolist() == [COUNT // 2 // CLASSES] * CLASSES
    assert abs(np.corrcoef(np.arange(len(numbers)), numbers)[0, 1]) < 0.15  # shuffled, five standard errors
    assert np.abs(np.diff(half_labels)).sum() > 1_000  # not sorted by class


def test_every_image_is_in_half_of_the_halves():
    images, labels = numbered(100)
    seen = np.zeros(100)
    for seed in range(400):
        half, _ = half_dataset(images, labels, CLASSES, generator=numpy_generator(seed))
        seen[numbers_of(half)] += 1
    assert np.abs(seen - 200).max() < 5 * np.sqrt(400 * 0.25)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=60), st.integers(0, 99))
def test_an_uneven_half_is_off_by_less_than_one_image_a_class(labels, seed):
    images, _ = numbered(len(labels))
    labels = np.array(labels)
    half, half_labels = half_dataset(images, labels, 5, generator=numpy_generator(seed))
    assert len(half) == len(labels) // 2
    assert np.array_equal(half_labels, labels[numbers_of(half)])
    counts = np.bincount(labels, minlength=5) / 2
    assert np.abs(np.bincount(half_labels, minlength=5) - counts).max() <= 0.5


@pytest.mark.parametrize(
    ("count", "kept"), [(50_000, 24_960), (1_437, 704), (128, 64), (255, 64), (256, 128)]
)
def test_the_first_half_is_whole_batches_in_file_order(count, kept):
    images, labels = numbered(count)
    half, half_labels = first_half(images, labels, CLASSES, generator=numpy_generator(0))
    assert np.array_equal(half, images[:kept])
    assert np.array_equal(half_labels, labels[:kept])
    assert not np.shares_memory(half, images)


def test_the_first_half_is_the_only_ordered_variant_and_needs_no_luck():
    images, labels = make_data()
    assert [name for name, row in CORRUPTIONS.items() if not row.shuffle] == ["first_half"]
    one, two = (corrupt("first_half", images, labels, seed=seed) for seed in (1, 2))
    assert digest(*one) == digest(*two)


@pytest.mark.parametrize(
    ("name", "count", "least"), [("half_dataset", 1, 4), ("half_dataset", 3, 4), ("first_half", 127, 128)]
)
def test_halves_of_too_little_are_refused(name, count, least):
    images, labels = numbered(count)
    with pytest.raises(ConfigError, match=f"{name}: {count} training images are too few, it needs {least}"):
        corrupt(name, images, labels)
