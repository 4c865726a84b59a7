"""Tiny-ImageNet: 100,000 training and 10,000 validation images of 64 x 64 colour pixels, 200 classes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunepipe.datasets.dataset import Dataset
from prunepipe.datasets.sources import file_md5, found_or_downloaded, require_md5
from prunepipe.errors import ArtifactError

MEAN = (0.48025, 0.44807, 0.39755)
STD = (0.27699, 0.26906, 0.28208)

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
BASE = "tiny-imagenet-200"
SIDE = 64


@dataclass(frozen=True)
class Archive:
    """Facts about the official archive.

    Attributes:
        md5: published checksum of the zip file.
        classes: number of classes.
        train_per_class: training images of each class.
        test_images: validation images, used as the test set because the official test labels are not public.
    """

    md5: str = "90528d7ca1a48142e341f4ef8d21d0de"
    classes: int = 200
    train_per_class: int = 500
    test_images: int = 10_000


OFFICIAL = Archive()


@dataclass(frozen=True)
class _Files:
    """A folder or an archive: its file names (relative to the dataset's folder) and how to read one."""

    source: Path
    names: frozenset[str]
    read: Callable[[str], bytes]


def load(folder: Path, *, release: Archive = OFFICIAL) -> Dataset:
    """Load Tiny-ImageNet from its extracted folder, its zip file, or a download.

    The label of a class is the position of its WordNet id in the sorted wnids.txt. Training images are
    ordered by class, then by file name; validation images as val_annotations.txt lists them. Grey
    images become RGB. Only the decoded images are held in memory (1.2 GB + 0.1 GB).

    Args:
        folder: searched, as is folder/tiny_imagenet, for tiny-imagenet-200 and
            tiny-imagenet-200.zip; downloads go to it.
        release: the expected archive.
    Returns:
        Images [100000, 3, 64, 64] and [10000, 3, 64, 64].
    Raises:
        ConfigError: the data were not found and cannot be downloaded.
        ArtifactError: files are missing, damaged, or do not match the annotations.
    Source: Le and Yang, "Tiny ImageNet visual recognition challenge", 2015.
    """
    source = found_or_downloaded(folder, "tiny_imagenet", (BASE, f"{BASE}.zip"), URL, release.md5)
    with _open(source, release) as files:
        classes = _classes(files, release)
        train = _train_names(files, classes, release)
        test, test_labels = _test_names(files, classes, release)
        return Dataset(
            train_images=_decode(files, train),
            train_labels=np.repeat(np.arange(len(classes)), release.train_per_class),
            test_images=_decode(files, test),
            test_labels=test_labels,
            classes=release.classes,
            mean=MEAN,
            std=STD,
        )


@contextmanager
def _open(source: Path, release: Archive) -> Iterator[_Files]:
    if source.is_dir():
        paths = (path for part in ("train", "val") for path in (source / part).rglob("*"))
        names = frozenset(path.relative_to(source).as_posix() for path in paths)
        yield _Files(source, names, lambda name: (source / name).read_bytes())
        return
    require_md5(source, file_md5(source), release.md5)
    prefix = f"{BASE}/"
    with zipfile.ZipFile(source) as archive:
        names = frozenset(name.removeprefix(prefix) for name in archive.namelist())
        yield _Files(source, names, lambda name: archive.read(prefix + name))


def _read(files: _Files, name: str) -> bytes:
    try:
        return files.read(name)
    except OSError as error:
        raise ArtifactError(f"{files.source}: {name} cannot be read ({error.strerror}).") from error


def _lines(files: _Files, name: str) -> list[str]:
    text = _read(files, name).decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _classes(files: _Files, release: Archive) -> list[str]:
    classes = sorted(set(_lines(files, "wnids.txt")))
    if len(classes) != release.classes:
        found = f"wnids.txt names {len(classes)} different classes"
        raise ArtifactError(f"{files.source}: {found}, expected {release.classes}.")
    return classes


def _train_names(files: _Files, classes: Sequence[str], release: Archive) -> list[str]:
    images: dict[str, list[str]] = {wnid: [] for wnid in classes}
    for name in sorted(files.names):
        parts = name.split("/")
        if len(parts) == 4 and parts[0] == "train" and parts[2] == "images" and name.endswith(".JPEG"):
            images.setdefault(parts[1], []).append(name)
    for wnid, names in images.items():
        if wnid not in classes:
            raise ArtifactError(f"{files.source}: train/{wnid} is a class that wnids.txt does not name.")
        if len(names) != release.train_per_class:
            found = f"train/{wnid}/images holds {len(names)} .JPEG files"
            raise ArtifactError(
                f"{files.source}: {found}, expected {release.train_per_class}; extract it again."
            )
    return [name for wnid in classes for name in images[wnid]]


def _test_names(files: _Files, classes: Sequence[str], release: Archive) -> tuple[list[str], np.ndarray]:
    annotations = "val/val_annotations.txt"
    rows = [line.split("\t") for line in _lines(files, annotations)]
    label_of = {wnid: label for label, wnid in enumerate(classes)}
    for row in rows:
        if len(row) < 2 or row[1] not in label_of:
            raise ArtifactError(
                f"{files.source}: {annotations} has the row {row}, which names no known class."
            )
    names = [f"val/images/{row[0]}" for row in rows]
    present = {name for name in files.names if name.startswith("val/images/") and name.endswith(".JPEG")}
    if differing := sorted(present ^ set(names)):
        where = "only in the annotations" if differing[0] not in present else "not in the annotations"
        raise ArtifactError(f"{files.source}: {differing[0]} is {where} ({annotations}).")
    if len(names) != release.test_images or len(set(names)) != len(names):
        found = f"{annotations} has {len(names)} rows for {len(set(names))} images"
        raise ArtifactError(f"{files.source}: {found}, expected {release.test_images}.")
    return names, np.array([label_of[row[1]] for row in rows], dtype=np.int64)


def _decode(files: _Files, names: Sequence[str]) -> np.ndarray:
    """Decode JPEG files one by one into one array, uint8 [N, 3, 64, 64]."""
    from PIL import Image  # only this loader decodes images

    images = np.empty((len(names), 3, SIDE, SIDE), np.uint8)
    for position, name in enumerate(names):
        content = _read(files, name)
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                _require_size(image.size)
                images[position] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise ArtifactError(
                f"{files.source}: {name} is not a sound {SIDE} x {SIDE} JPEG ({error})."
            ) from error
    return images


def _require_size(size: tuple[int, int]) -> None:
    if size != (SIDE, SIDE):
        raise ValueError(f"it has {size[0]} x {size[1]} pixels")
