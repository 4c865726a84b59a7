"""The in-memory form, its file, the reductions, and scikit-learn's digits."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunepipe.artifacts import read_arrays, write_arrays
from prunepipe.datasets import Dataset, digits, prepare, read_dataset, write_dataset
from prunepipe.datasets.digits import MEAN, STD
from prunepipe.datasets.memory import COPIES
from prunepipe.datasets.reduction import IMAGES_AT_ONCE, balanced_first, mean_pool
from prunepipe.datasets.rows import DATASETS
from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.plugins import load_function

DIGITS = DATASETS["digits"].function


def small_dataset(folder=None):
    """Twelve training and six test images of three classes; also a loader (of any folder)."""
    generator = np.random.default_rng(0)
    return Dataset(
        train_images=generator.integers(256, size=(12, 2, 4, 6), dtype=np.uint8),
        train_labels=np.array([2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1], dtype=np.int64),
        test_images=generator.integers(256, size=(6, 2, 4, 6), dtype=np.uint8),
        test_labels=np.array([0, 0, 1, 1, 2, 2], dtype=np.int64),
        classes=3,
        mean=(0.5, 0.4),
        std=(0.2, 0.25),
    )


def not_a_dataset(folder):
    return 42


def reference(function):
    return f"{Path(__file__)}:{function.__name__}"


def same(left, right):
    arrays = all(np.array_equal(array, right.arrays()[name]) for name, array in left.arrays().items())
    return arrays and (left.classes, left.mean, left.std) == (right.classes, right.mean, right.std)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"train_images": np.zeros((12, 2, 4, 6), np.float32)}, "train_images are float32 [12, 2, 4, 6]"),
        ({"test_images": np.zeros((6, 4, 6), np.uint8)}, "test_images are uint8 [6, 4, 6]"),
        ({"test_images": np.zeros((0, 2, 4, 6), np.uint8)}, "expected uint8 [N, C, H, W], N > 0"),
        ({"train_labels": np.zeros(12, np.int32)}, "train_labels are int32 [12]; expected int64 [12]"),
        ({"test_labels": np.zeros(5, np.int64)}, "test_labels are int64 [5]; expected int64 [6]"),
        ({"test_labels": np.full(6, -1)}, "test_labels span -1 .. -1; expected 0 .. 2"),
        ({"classes": 2}, "train_labels span 0 .. 2; expected 0 .. 1 (classes = 2)"),
        (
            {"test_images": np.zeros((6, 2, 4, 4), np.uint8)},
            "train_images are (2, 4, 6) (C, H, W) but test_images",
        ),
        ({"mean": (0.5,)}, "mean is (0.5,); expected 2 finite numbers"),
        ({"std": (0.5, float("nan"))}, "std is (0.5, nan); expected 2 finite numbers"),
        ({"std": (0.5, 0.0)}, "must be above 0"),
    ],
)
def test_a_dataset_refuses_what_breaks_its_rules(changes, text):
    with pytest.raises(ArtifactError) as error:
        replace(small_dataset(), **changes)
    assert text in str(error.value)


def test_a_dataset_file_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "data" / "small.safetensors"
    write_dataset(path, small_dataset(), "small")
    assert same(read_dataset(path), small_dataset())
    assert read_arrays(path)[1]["name"] == "small"
    assert [entry.name for entry in path.parent.iterdir()] == ["small.safetensors"]


def test_a_changed_pixel_in_a_dataset_file_is_found(tmp_path):
    path = tmp_path / "small.safetensors"
    write_dataset(path, small_dataset(), "small")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match=r"small\.safetensors: changed since it was written"):
        read_dataset(path)


def test_a_truncated_or_foreign_file_is_not_a_dataset(tmp_path):
    path = tmp_path / "small.safetensors"
    write_dataset(path, small_dataset(), "small")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"small\.safetensors: .* truncated"):
        read_dataset(path)
    write_arrays(path, {"features.0.weight": np.zeros(3)})
    with pytest.raises(ArtifactError, match=r"not a dataset file \(its arrays: features\.0\.weight\)"):
        read_dataset(path)


def test_a_dataset_file_that_breaks_a_rule_is_named(tmp_path):
    path = tmp_path / "small.safetensors"
    dataset = small_dataset()
    object.__setattr__(dataset, "classes", 2)  # as a file of another version could be
    write_dataset(path, dataset, "small")
    with pytest.raises(ArtifactError, match=r"small\.safetensors: dataset: train_labels span 0 \.\. 2"):
        read_dataset(path)


def test_prepare_without_reduction_is_the_loader(tmp_path):
    assert same(prepare(reference(small_dataset), tmp_path), small_dataset())


def test_prepare_takes_the_first_images_of_each_class_in_file_order(tmp_path):
    whole = small_dataset()
    reduced = prepare(reference(small_dataset), tmp_path, train_images=7, test_images=3)
    assert reduced.train_labels.tolist() == [2, 2, 0, 0, 0, 1, 1]  # the remainder goes to class 0
    assert np.array_equal(reduced.train_images, whole.train_images[[0, 1, 4, 5, 6, 8, 9]])
    assert np.array_equal(reduced.test_images, whole.test_images[[0, 2, 4]])
    assert (reduced.classes, reduced.mean, reduced.std) == (whole.classes, whole.mean, whole.std)


def test_prepare_pools_both_splits(tmp_path):
    pooled = prepare(reference(small_dataset), tmp_path, pool=2)
    assert pooled.train_images.shape == (12, 2, 2, 3)
    assert np.array_equal(pooled.test_images, mean_pool(small_dataset().test_images, 2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"train_images": 2},
            "train_images = 2: must be at least one image a class (3) and at most all (12)",
        ),
        ({"test_images": 7}, "test_images = 7: must be at least one image a class (3) and at most all (6)"),
        ({"pool": 3}, "pool = 3: must be at least 1 and divide the image's 4 x 6 pixels"),
        ({"pool": 0}, "pool = 0: must be at least 1"),
    ],
)
def test_prepare_refuses_sizes_that_do_not_fit(tmp_path, options, text):
    with pytest.raises(ConfigError) as error:
        prepare(reference(small_dataset), tmp_path, **options)
    assert text in str(error.value)


def test_a_class_with_too_few_images_is_named():
    with pytest.raises(ConfigError, match="class 1 holds 1 images, 2 are needed"):
        balanced_first(np.array([0, 0, 0, 1]), 2, 4, key="train_images")


@given(st.lists(st.integers(0, 2), min_size=3, max_size=60), st.integers(1, 8))
def test_a_balanced_choice_holds_equally_many_of_each_class(labels, share):
    labels = np.array([*labels, *[0, 1, 2] * share])
    chosen = balanced_first(labels, 3, 3 * share, key="train_images")
    assert np.bincount(labels[chosen], minlength=3).tolist() == [share] * 3
    assert np.all(np.diff(chosen) > 0)


@pytest.mark.parametrize("pool", [1, 2, 4])
def test_pooling_agrees_with_a_loop_over_squares(pool):
    images = np.random.default_rng(1).integers(256, size=(3, 2, 8, 4), dtype=np.uint8)
    pooled = mean_pool(images, pool)
    assert pooled.dtype == np.uint8
    for place in np.ndindex(*pooled.shape):
        image, channel, row, column = place
        rows, columns = slice(row * pool, (row + 1) * pool), slice(column * pool, (column + 1) * pool)
        square = [int(value) for value in images[image, channel, rows, columns].ravel()]
        assert pooled[place] == round(sum(square) / len(square))


def test_pooling_in_parts_covers_every_image():
    count = 2 * IMAGES_AT_ONCE + 7
    images = np.arange(count).astype(np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    assert np.array_equal(mean_pool(images, 2)[:, 0, 0, 0], images[:, 0, 0, 0])


def test_foreign_loaders_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"its loader returned int, not a prunepipe\.api\.Dataset"):
        prepare(reference(not_a_dataset), tmp_path)


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_has_a_documented_loader(name):
    loader = load_function(DATASETS[name].function)
    assert loader.__doc__
    assert loader.__code__.co_varnames[0] == "folder"


def test_digits_have_the_declared_split(tmp_path):
    digits = prepare(DIGITS, tmp_path)
    assert digits.train_images.shape == (898, 1, 8, 8)
    assert digits.test_images.shape == (899, 1, 8, 8)
    assert np.bincount(digits.test_labels).tolist() == [89, 91, 89, 91, 91, 91, 90, 90, 87, 90]
    assert list(tmp_path.iterdir()) == []


def test_every_second_digit_of_each_class_is_a_test_image(tmp_path):
    from sklearn.datasets import load_digits

    targets = load_digits().target.tolist()
    test = set(sorted(range(1797), key=lambda place: (targets[place], place))[::2])
    train_labels = [label for place, label in enumerate(targets) if place not in test]
    assert prepare(DIGITS, tmp_path).train_labels.tolist() == train_labels
    assert 0 in test  # the very first image, a zero, is a test image


def test_digits_are_read_without_importing_scikit_learn_and_with_it_where_the_file_is_elsewhere(monkeypatch):
    table = digits._table()
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    np.testing.assert_array_equal(digits._table(), table)


def test_digits_are_scikit_learns_each_once(tmp_path):
    from sklearn.datasets import load_digits

    digits = prepare(DIGITS, tmp_path)
    ours = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    theirs = load_digits()
    levels = np.rint(ours * (16 / 255)).astype(int)  # 17 grey levels survive the scaling
    expected = sorted(zip(theirs.data.astype(int).tolist(), theirs.target.tolist(), strict=True))
    assert sorted(zip(levels.tolist(), labels.tolist(), strict=True)) == expected
    assert (ours.min(), ours.max()) == (0, 255)


def test_digits_constants_are_those_of_the_training_images(tmp_path):
    pixels = prepare(DIGITS, tmp_path).train_images / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (MEAN[0], STD[0])


def test_datasets_and_corruptions_start_without_torch():
    modules = ", ".join(sorted({row.function.partition(":")[0] for row in DATASETS.values()}))
    code = f"import {modules}, prunepipe.datasets.corruptions, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WRITING = """
import sys
import numpy as np
from prunepipe.artifacts import write_arrays
from prunepipe.datasets.memory import lines_of

for count in (1, 30_000_000):
    write_arrays(sys.argv[1], {"images": np.ones(count, np.uint8)})
    print(next(line for line in lines_of("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux says a process's peak memory")
def test_writing_takes_no_more_memory_than_is_required_before_reading(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path / "x.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = (int(kibibytes) * 1024 for kibibytes in done.stdout.split())
    assert (after - before) / 30e6 == pytest.approx(COPIES, abs=0.3)
