"""Load a folder of images as a data set, in the layout of torchvision's ImageFolder: one folder per class."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunepipe.datasets.constants import measured_constants
from prunepipe.datasets.contents import combined, shown
from prunepipe.datasets.dataset import Dataset
from prunepipe.datasets.memory import require_memory
from prunepipe.errors import ArtifactError, ConfigError, shortened

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
TRAIN = "train"
TESTS = ("test", "val")
"""Names of the folder of test images; the first that exists is used."""

NAMED = 5
"""Number of files or classes that a message names."""


@dataclass(frozen=True)
class ImageFolder:
    """The list of a folder's images, before any is read.

    Attributes:
        root: the folder.
        classes: names of the class folders, sorted; a label is a position in it.
        train, test: paths relative to `root`, by class and then sorted by name.
        train_labels, test_labels: their labels.
        ignored: files that are not images, according to their suffix, and images outside the class folders.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[str, ...]
    train_labels: tuple[int, ...]
    test: tuple[str, ...]
    test_labels: tuple[int, ...]
    ignored: tuple[str, ...]


def load(
    folder: Path,
    *,
    root: str,
    channels: int = 3,
    image_size: int | None = None,
    content: str | None = None,
) -> Dataset:
    """Load a folder of images.

    Args:
        folder: not used; the images stay where they are.
        root: holds train/CLASS/* and test/CLASS/* (or val/CLASS/*).
        channels: 3 for RGB, 1 for grey; images of other modes are converted.
        image_size: side in pixels to resize and centre-crop to; None requires images of equal size.
        content: checksum that the files must have, as `prunepipe.datasets.contents.files_checksum` gives it.
    Returns:
        The data set; mean and std are measured on the training images.
    Raises:
        ConfigError: another layout, an empty class, a class missing from one split, or too little memory.
        ArtifactError: images cannot be read, differ in size, or have changed since `content` was computed.
    """
    from prunepipe.datasets.image_reading import first_size, read_images  # Pillow: only for reading

    images = list_images(Path(root))
    _say_ignored(images)
    files = (*images.train, *images.test)
    height, width = (image_size, image_size) if image_size else first_size(images.root, files[0])
    remedy = "Set image_size to a smaller side, or take a machine with more memory."
    require_memory(len(files) * channels * height * width, root, remedy)
    pixels, digests = read_images(
        images.root, files, (channels, height, width), resize=image_size is not None
    )
    if content is not None and combined(files, digests) != content:
        raise ArtifactError(f"{root}: its images changed while they were read; start the workflow again.")
    count = len(images.train)
    mean, std = measured_constants(pixels[:count], root)
    return Dataset(
        train_images=pixels[:count],
        train_labels=np.array(images.train_labels, np.int64),
        test_images=pixels[count:],
        test_labels=np.array(images.test_labels, np.int64),
        classes=len(images.classes),
        mean=mean,
        std=std,
    )


def list_images(root: Path) -> ImageFolder:
    """List the images of a folder without opening them.

    Args:
        root: holds train/CLASS/* and test/CLASS/* (or val/CLASS/*); images of a class may be in nested folders.
    Raises:
        ConfigError: another layout, an empty class, a class missing from one split, or no permission.
    """
    try:
        return _listed(root)
    except OSError as error:
        raise ConfigError(f"{shown(error.filename or root)}: cannot be read ({error.strerror}).") from error


def _listed(root: Path) -> ImageFolder:
    test = next((name for name in TESTS if (root / name).is_dir()), None)
    if test is None or not (root / TRAIN).is_dir():
        found = "is no folder" if not root.is_dir() else f"holds {_named(sorted(os.listdir(root)))}"
        raise ConfigError(
            f"{shown(root)} {found}; a folder of images holds train/CLASS/* and test/CLASS/* (or val/CLASS/*)."
        )
    splits = {split: _classes(root, split) for split in (TRAIN, test)}
    _require_same_classes(root, splits)
    classes = tuple(splits[TRAIN])
    files, labels, ignored = {}, {}, []
    for split in splits:
        listed = [_files_of(root, f"{split}/{name}") for name in classes]
        sizes = [len(images) for images, _ in listed]
        _require_images(root, split, dict(zip(classes, listed, strict=True)))
        files[split] = tuple(image for images, _ in listed for image in images)
        labels[split] = tuple(np.repeat(np.arange(len(classes)), sizes).tolist())
        ignored += [name for _, others in listed for name in others] + _beside_classes(root, split)
    return ImageFolder(root, classes, files[TRAIN], labels[TRAIN], files[test], labels[test], tuple(ignored))


def _classes(root: Path, split: str) -> list[str]:
    with os.scandir(root / split) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _beside_classes(root: Path, split: str) -> list[str]:
    """Return the images that lie next to the class folders and so belong to no class."""
    with os.scandir(root / split) as entries:
        return sorted(
            f"{split}/{entry.name}" for entry in entries if entry.is_file() and _is_image(entry.name)
        )


def _require_same_classes(root: Path, splits: dict[str, list[str]]) -> None:
    (train, classes), (test, others) = splits.items()
    for split, lacked in ((test, set(classes) - set(others)), (train, set(others) - set(classes))):
        if lacked:
            plain = {unicodedata.normalize("NFC", name) for name in splits[split]}
            alike = {unicodedata.normalize("NFC", name) for name in lacked} <= plain
            hint = (
                " Names that look the same are encoded differently (Unicode NFC and NFD); rename them."
                * alike
            )
            raise ConfigError(
                f"{shown(root / split)} lacks {_named(sorted(lacked))}, which the other split has as a class; "
                f"both splits need the same class folders.{hint}"
            )
    if len(classes) < 2:
        found = f"only the class {shown(classes[0])}" if classes else "no class folder"
        raise ConfigError(
            f"{shown(root / train)} holds {found}; it needs a folder for each class, at least two."
        )


def _files_of(
    root: Path, folder: str, above: tuple[tuple[int, int], ...] = ()
) -> tuple[list[str], list[str]]:
    """Return the images below a folder, and the other files, in torchvision's order: by folder, then by name."""
    state = os.stat(root / folder)
    identity = (state.st_dev, state.st_ino)
    if identity in above:
        raise ConfigError(f"{shown(root / folder)} is a link to a folder that holds it; remove the link.")
    with os.scandir(root / folder) as entries:
        found = [
            (f"{folder}/{entry.name}", entry.is_dir()) for entry in sorted(entries, key=lambda e: e.name)
        ]
    files = [name for name, is_folder in found if not is_folder]
    images = [name for name in files if _is_image(name)]
    others = [name for name in files if not _is_image(name)]
    for name, is_folder in found:
        if is_folder:
            below = _files_of(root, name, (*above, identity))
            images += below[0]
            others += below[1]
    return images, others


def _is_image(name: str) -> bool:
    """Decide by suffix; hidden files such as macOS's ._0001.jpg are not images."""
    base = name.rpartition("/")[2]
    return base.lower().endswith(SUFFIXES) and not base.startswith(".")


def _require_images(root: Path, split: str, listed: dict[str, tuple[list[str], list[str]]]) -> None:
    empty = [name for name, (images, _) in listed.items() if not images]
    if empty:
        others = len(listed[empty[0]][1])
        found = f" ({others} other files there)" if others else ""
        raise ConfigError(
            f"{shown(root / split / empty[0])} holds no image{found}; images end in {', '.join(SUFFIXES)}."
            + (f" As empty: {_named(empty[1:])}." if empty[1:] else "")
        )


def _say_ignored(images: ImageFolder) -> None:
    if images.ignored:
        print(
            f"{shown(images.root)}: left out {len(images.ignored)} files that are no images of a class: "
            f"{_named(images.ignored)}"
        )


def _named(names: Sequence[str]) -> str:
    """Return the first names, and the number of the rest."""
    return shortened([shown(name) for name in names], NAMED) or "nothing"
