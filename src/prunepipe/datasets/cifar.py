"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images of 32 x 32 colour pixels."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunepipe.datasets.dataset import Dataset
from prunepipe.datasets.official_pickle import load_batch
from prunepipe.datasets.sources import file_md5, found_or_downloaded, require_md5
from prunepipe.errors import ArtifactError

URL = "https://www.cs.toronto.edu/~kriz/"
PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Release:
    """One published dataset: its files, their format and their checksums.

    Attributes:
        name: the dataset's name in `DATASETS`.
        classes: number of classes.
        mean: per channel, as in the paper's recipe.
        std: per channel, as in the paper's recipe.
        label_bytes: label bytes of a binary record; the last one is the class.
        label_key: name of the class labels in a python file.
        train: files of training images, in order.
        test: the file of test images.
        train_images: images in each training file.
        test_images: images in the test file.
        folders: extracted folder of the binary and of the python version.
        archives: archive of the binary and of the python version.
        checksums: published MD5 of both archives and of every python file.
    """

    name: str
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_bytes: int
    label_key: str
    train: tuple[str, ...]
    test: str
    train_images: int
    test_images: int
    folders: tuple[str, str]
    archives: tuple[str, str]
    checksums: Mapping[str, str]


CIFAR10 = Release(
    name="cifar10",
    classes=10,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2023, 0.1994, 0.2010),
    label_bytes=1,
    label_key="labels",
    train=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test="test_batch",
    train_images=10_000,
    test_images=10_000,
    folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
    archives=("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"),
    checksums={
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
)
CIFAR100 = Release(
    name="cifar100",
    classes=100,
    mean=(0.5071, 0.4867, 0.4408),
    std=(0.2675, 0.2565, 0.2761),
    label_bytes=2,
    label_key="fine_labels",
    train=("train",),
    test="test",
    train_images=50_000,
    test_images=10_000,
    folders=("cifar-100-binary", "cifar-100-python"),
    archives=("cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"),
    checksums={
        "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
        "cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85",
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
)


def cifar10(folder: Path) -> Dataset:
    """Load CIFAR-10; see `load_release`."""
    return load_release(folder, CIFAR10)


def cifar100(folder: Path) -> Dataset:
    """Load CIFAR-100 with its 100 fine classes; see `load_release`."""
    return load_release(folder, CIFAR100)


def load_release(folder: Path, release: Release) -> Dataset:
    """Load one of the CIFAR datasets from local files or a download.

    Extracted folders are preferred to archives, and the binary version, which needs no unpickling, to
    the python version. There are no published checksums for the extracted binary version, so the size of
    every file and the range of its labels are checked instead.

    Args:
        folder: searched, as is folder/cifar10 (or cifar100), for extracted folders and archives; the
            binary archive is downloaded to it.
        release: the dataset; its checksums decide which files are official.
    Returns:
        Images [50000, 3, 32, 32] and [10000, 3, 32, 32].
    Raises:
        ConfigError: the data were not found and cannot be downloaded.
        ArtifactError: a file is missing, truncated, damaged, or not the official one.
    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    archive = release.archives[0]
    names, md5 = (*release.folders, *release.archives), release.checksums[archive]
    source = found_or_downloaded(folder, release.name, names, URL + archive, md5)
    binary = source.name in (release.folders[0], release.archives[0])
    contents = _contents(source, release, binary)
    parse = _parse_records if binary else _parse_batch
    train = [parse(contents, name, source, release) for name in release.train]
    test_images, test_labels = parse(contents, release.test, source, release)
    return Dataset(
        train_images=np.concatenate([images for images, _ in train]),
        train_labels=np.concatenate([labels for _, labels in train]),
        test_images=test_images,
        test_labels=test_labels,
        classes=release.classes,
        mean=release.mean,
        std=release.std,
    )


def _contents(source: Path, release: Release, binary: bool) -> dict[str, bytes]:
    suffix = ".bin" if binary else ""
    names = (*release.train, release.test)
    if source.is_dir():
        return {name: _read_file(source / f"{name}{suffix}") for name in names}
    require_md5(source, file_md5(source), release.checksums[source.name])
    base = release.folders[0 if binary else 1]
    with tarfile.open(source, "r:gz") as archive:
        # Its checksum is right, so it holds every file.
        return {name: archive.extractfile(f"{base}/{name}{suffix}").read() for name in names}  # type: ignore[union-attr]


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); extract the archive again"
        raise ArtifactError(f"{path}: {reason}, or remove the folder {path.parent}.") from error


def _parse_records(
    contents: Mapping[str, bytes], name: str, source: Path, release: Release
) -> tuple[np.ndarray, np.ndarray]:
    """Read binary records: one or two label bytes (the last is the class), then the pixels."""
    count = release.test_images if name == release.test else release.train_images
    size = count * (release.label_bytes + PIXELS)
    where = f"{source}: {name}.bin"
    if len(contents[name]) != size:
        raise ArtifactError(f"{where} holds {len(contents[name])} bytes, expected {size}; replace it.")
    records = np.frombuffer(contents[name], np.uint8).reshape(count, -1)
    labels = records[:, release.label_bytes - 1].astype(np.int64)
    if labels.max() >= release.classes:
        raise ArtifactError(f"{where} holds the label {labels.max()}; the highest is {release.classes - 1}.")
    return records[:, release.label_bytes :].reshape(count, 3, 32, 32), labels


def _parse_batch(
    contents: Mapping[str, bytes], name: str, source: Path, release: Release
) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels from a python file."""
    batch = load_batch(contents[name], release.checksums[name], f"{source}: {name}")
    return batch["data"].reshape(-1, 3, 32, 32), np.array(batch[release.label_key], dtype=np.int64)
