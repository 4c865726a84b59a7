"""Fashion-MNIST from small files in the real IDX format."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from prunepipe.datasets import fashion_mnist
from prunepipe.datasets.fashion_mnist import (
    ARCHIVE_MD5,
    CONTENT_MD5,
    DEBIAN_FOLDER,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    parse_idx,
)
from prunepipe.errors import ArtifactError, ConfigError


def idx(array):
    """The IDX form of an array, written from the format's description."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


ARRAYS = {
    TRAIN_IMAGES: np.random.default_rng(0).integers(256, size=(7, 28, 28), dtype=np.uint8),
    TRAIN_LABELS: np.array([9, 0, 0, 3, 0, 2, 7], dtype=np.uint8),
    TEST_IMAGES: np.random.default_rng(1).integers(256, size=(3, 28, 28), dtype=np.uint8),
    TEST_LABELS: np.array([9, 2, 1], dtype=np.uint8),
}
CONTENTS = {name: idx(array) for name, array in ARRAYS.items()}
CHECKSUMS = {name: hashlib.md5(content).hexdigest() for name, content in CONTENTS.items()}


def put_files(folder, contents=CONTENTS, compressed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if compressed else name)
        path.write_bytes(gzip.compress(content) if compressed else content)


@pytest.fixture(autouse=True)
def debian(tmp_path, monkeypatch):
    """The folder of Debian's package, empty unless a test fills it."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    return tmp_path / "debian"


def load(folder, checksums=CHECKSUMS):
    return fashion_mnist.load(folder, checksums=checksums)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("place", ["fashion_mnist", "FashionMNIST/raw", "."])
def test_local_files_are_read(tmp_path, place, compressed):
    put_files(tmp_path / place, compressed=compressed)
    dataset = load(tmp_path)
    assert np.array_equal(dataset.train_images[:, 0], ARRAYS[TRAIN_IMAGES])
    assert np.array_equal(dataset.test_images[:, 0], ARRAYS[TEST_IMAGES])
    assert dataset.train_labels.tolist() == [9, 0, 0, 3, 0, 2, 7]
    assert dataset.test_labels.tolist() == [9, 2, 1]
    assert (dataset.classes, dataset.mean, dataset.std) == (10, (0.2860,), (0.3530,))


def test_debians_files_serve_when_the_data_folder_has_none(tmp_path, debian):
    put_files(debian)
    assert len(load(tmp_path / "empty").train_labels) == 7


def test_local_files_come_before_debians_and_complete_folders_before_others(tmp_path, debian):
    labels = np.array([1, 1, 1, 1, 1, 1, 1], dtype=np.uint8)
    put_files(tmp_path / "fashion_mnist", {TRAIN_LABELS: idx(labels)})  # incomplete
    put_files(tmp_path / "FashionMNIST" / "raw")
    put_files(debian, {**CONTENTS, TRAIN_LABELS: idx(labels)})
    assert load(tmp_path).train_labels.tolist() == [9, 0, 0, 3, 0, 2, 7]


def test_what_is_missing_is_downloaded_with_its_checksum(tmp_path, monkeypatch):
    put_files(tmp_path / "fashion_mnist", {TRAIN_IMAGES: CONTENTS[TRAIN_IMAGES]})
    fetched = []

    def fetch(url, path, md5):
        fetched.append((url, md5))
        path.write_bytes(gzip.compress(CONTENTS[path.stem]))

    monkeypatch.setattr("prunepipe.datasets.sources.download", fetch)
    assert len(load(tmp_path).train_labels) == 7
    assert fetched == [
        (f"{fashion_mnist.URL}{name}.gz", ARCHIVE_MD5[name])
        for name in (TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    ]


def test_nothing_found_names_folders_package_and_config_key(tmp_path):
    put_files(tmp_path, {name: CONTENTS[name] for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES)})
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    text = str(error.value)
    for part in (
        f"{tmp_path / 'fashion_mnist'},",
        f"{tmp_path / 'FashionMNIST' / 'raw'},",
        f"{tmp_path} (which lacks {TEST_LABELS}),",
        f"{tmp_path / 'debian'};",
        "(no network)",
        "apt-get install dataset-fashion-mnist",
        "`data_folder`",
    ):
        assert part in text
    assert not (tmp_path / "fashion_mnist").exists()


def test_mnists_files_of_the_same_names_are_refused(tmp_path):
    put_files(tmp_path)
    with pytest.raises(
        ArtifactError, match=rf"{TRAIN_IMAGES}\.gz: .* not Fashion-MNIST's \(MD5 of its content"
    ):
        load(tmp_path, checksums=CONTENT_MD5)


def with_file(folder, name, content):
    put_files(folder)
    (folder / f"{name}.gz").write_bytes(content)


def test_a_truncated_download_is_named(tmp_path):
    with_file(tmp_path, TRAIN_IMAGES, gzip.compress(CONTENTS[TRAIN_IMAGES])[:-9])
    with pytest.raises(ArtifactError, match=rf"{TRAIN_IMAGES}\.gz: cannot be read or is damaged"):
        load(tmp_path)


def test_a_damaged_or_uncompressed_gz_file_is_named(tmp_path):
    damaged = bytearray(gzip.compress(CONTENTS[TEST_LABELS]))
    damaged[-5] ^= 255  # its checksum
    for content in (bytes(damaged), CONTENTS[TEST_LABELS]):
        with_file(tmp_path, TEST_LABELS, content)
        with pytest.raises(ArtifactError, match=rf"{TEST_LABELS}\.gz: cannot be read or is damaged"):
            load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", CONTENTS[TRAIN_LABELS], CONTENTS[TRAIN_IMAGES][:-1], CONTENTS[TRAIN_IMAGES] + b"\x00"]
)
def test_content_with_another_checksum_is_refused(tmp_path, content):
    with_file(tmp_path, TRAIN_IMAGES, gzip.compress(content))
    with pytest.raises(ArtifactError, match=rf"{TRAIN_IMAGES}\.gz: damaged, or not Fashion-MNIST's"):
        load(tmp_path)


def test_parsed_arrays_are_writable_copies():
    array = parse_idx(CONTENTS[TEST_LABELS])
    array += 1
    assert array.tolist() == [10, 3, 2]


@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_package_is_fashion_mnist_and_gives_the_constants(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", DEBIAN_FOLDER)
    dataset = fashion_mnist.load(tmp_path)
    assert dataset.train_images.shape == (60_000, 1, 28, 28)
    assert dataset.test_images.shape == (10_000, 1, 28, 28)
    assert np.bincount(dataset.train_labels).tolist() == [6000] * 10
    counts = np.bincount(dataset.train_images.ravel(), minlength=256)  # exact and small, unlike 47 M floats
    levels = np.arange(256) / 255
    mean = (counts * levels).sum() / counts.sum()
    std = np.sqrt((counts * (levels - mean) ** 2).sum() / counts.sum())
    assert (round(mean, 4), round(std, 4)) == (dataset.mean[0], dataset.std[0])
