"""A file of four arrays (.npz or .safetensors) as a data set."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from prunepipe.artifacts import Arrays
from prunepipe.datasets.constants import measured_constants
from prunepipe.datasets.contents import combined, content_digest, shown
from prunepipe.datasets.dataset import ARRAY_NAMES, Dataset
from prunepipe.datasets.memory import require_memory
from prunepipe.errors import ArtifactError, ConfigError

CHANNELS = ((1, 3), (4,))
"""Numbers of channels in the order in which an axis is recognised: grey and colour, then colour and one more."""


def load(folder: Path, *, path: str, content: str | None = None) -> Dataset:
    """Load a file that holds train_images, train_labels, test_images and test_labels.

    Args:
        folder: not used; the file stays where it is.
        path: an .npz or .safetensors file. Images are uint8 [N, C, H, W], [N, H, W, C] or (grey) [N, H, W] with
            1, 3 or 4 channels; labels are integers [N] from 0, and both splits have images of every class.
        content: checksum that the file must have, as `prunepipe.datasets.contents.files_checksum` gives it.
    Returns:
        The data set; mean and std are measured on the training images.
    Raises:
        ConfigError: the arrays have another form, a class is missing from one split, or memory is too small.
        ArtifactError: the file cannot be read, or has changed since `content` was computed.
    """
    file = Path(path)
    arrays = _read(file)
    if content is not None and combined([file.name], [content_digest(file.read_bytes())]) != content:
        raise ArtifactError(f"{shown(file)}: it changed while it was read; start the workflow again.")
    images = {name: _channels_first(file, name, arrays[name]) for name in ARRAY_NAMES if "images" in name}
    labels = {name: _whole_numbers(file, name, arrays[name]) for name in ARRAY_NAMES if "labels" in name}
    classes = _class_count(file, labels["train_labels"], labels["test_labels"])
    mean, std = measured_constants(images["train_images"], path)
    try:
        return Dataset(**images, **labels, classes=classes, mean=mean, std=std)
    except ArtifactError as error:
        raise ConfigError(f"{shown(file)}: {error}") from error


def _read(file: Path) -> Arrays:
    try:
        size = _unpacked_size(file)
        remedy = "Store fewer or smaller images, or take a machine with more memory."
        require_memory(size, shown(file), remedy)
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as stored:
                return _four(file, {name: stored[name] for name in stored.files if name in ARRAY_NAMES})
        with safe_open(str(file), framework="numpy") as stored:
            names = stored.keys()
            return _four(file, {name: stored.get_tensor(name) for name in names if name in ARRAY_NAMES})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SafetensorError) as error:
        raise ArtifactError(f"{shown(file)}: cannot be read ({error}).") from error


def _unpacked_size(file: Path) -> int:
    if file.suffix != ".npz":
        return file.stat().st_size
    with zipfile.ZipFile(file) as archive:
        return sum(member.file_size for member in archive.infolist())


def _four(file: Path, arrays: Arrays) -> Arrays:
    lacked = [name for name in ARRAY_NAMES if name not in arrays]
    if lacked:
        raise ConfigError(f"{shown(file)}: lacks {', '.join(lacked)}; it must hold {', '.join(ARRAY_NAMES)}.")
    return arrays


def _channels_first(file: Path, name: str, images: np.ndarray) -> np.ndarray:
    if images.dtype == np.uint8 and images.ndim == 3:
        return images[:, None]
    for counts in CHANNELS if images.dtype == np.uint8 and images.ndim == 4 else ():
        if images.shape[1] in counts:
            return images
        if images.shape[3] in counts:
            return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    raise ConfigError(
        f"{shown(file)}: {name} are {images.dtype} {list(images.shape)}; expected uint8 (0 .. 255) [N, C, H, W], "
        "[N, H, W, C] or [N, H, W], with 1, 3 or 4 channels."
    )


def _whole_numbers(file: Path, name: str, labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or not labels.size:
        raise ConfigError(
            f"{shown(file)}: {name} are {labels.dtype} {list(labels.shape)}; expected whole numbers [N]."
        )
    return labels.astype(np.int64)


def _class_count(file: Path, train: np.ndarray, test: np.ndarray) -> int:
    """Return the number of classes, and raise an error unless both splits have all of them."""
    classes = int(max(train.max(), test.max())) + 1
    for name, labels in {"train_labels": train, "test_labels": test}.items():
        wrong = np.setxor1d(labels, np.arange(classes))
        if wrong.size:
            verb = "hold the label" if wrong[0] < 0 else "lack the class"
            raise ConfigError(
                f"{shown(file)}: {name} {verb} {wrong[0]}; labels count from 0 to {classes - 1} without gaps, and "
                "both splits need every class."
            )
    return classes
