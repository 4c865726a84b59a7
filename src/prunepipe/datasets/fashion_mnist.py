"""Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 x 28 grey pixels, ten classes."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from prunepipe.datasets.dataset import Dataset
from prunepipe.datasets.sources import bytes_md5, download_or_explain
from prunepipe.errors import ArtifactError

MEAN = (0.2860,)  # measured on the 60,000 training images
STD = (0.3530,)

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

ARCHIVE_MD5 = {  # of the published .gz files
    TRAIN_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    TRAIN_LABELS: "25c81989df183df01b3e8a0aad5dffbe",
    TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
    TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
}
# Of the decompressed files. Debian recompresses them, and MNIST's files have the same names, so only
# the content shows whether a local file is the right one.
CONTENT_MD5 = {
    TRAIN_IMAGES: "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    TRAIN_LABELS: "9018921c3c673c538a1fc5bad174d6f9",
    TEST_IMAGES: "8181f5470baa50b63fa0f6fddb340f0a",
    TEST_LABELS: "15d484375f8d13e6eb1aabb0c3f46965",
}


def load(folder: Path, *, checksums: Mapping[str, str] = CONTENT_MD5) -> Dataset:
    """Load Fashion-MNIST from the data folder, Debian's package, or a download, in this order.

    Args:
        folder: searched, with its subfolders fashion_mnist and FashionMNIST/raw, for the four
            idx-ubyte files, compressed (.gz) or not; downloads go to folder/fashion_mnist.
        checksums: MD5 of every file's decompressed content.
    Returns:
        Images [60000, 1, 28, 28] and [10000, 1, 28, 28].
    Raises:
        ConfigError: the data were not found and cannot be downloaded.
        ArtifactError: a file is truncated, damaged, or not from Fashion-MNIST.
    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv 1708.07747.
    """
    places = (folder / "fashion_mnist", folder / "FashionMNIST" / "raw", folder, DEBIAN_FOLDER)
    complete = [place for place in places if not _missing(place)]
    if not complete:
        _download(places)
    place = complete[0] if complete else places[0]
    return Dataset(
        train_images=_read(place, TRAIN_IMAGES, checksums)[:, None],
        train_labels=_read(place, TRAIN_LABELS, checksums).astype(np.int64),
        test_images=_read(place, TEST_IMAGES, checksums)[:, None],
        test_labels=_read(place, TEST_LABELS, checksums).astype(np.int64),
        classes=10,
        mean=MEAN,
        std=STD,
    )


def _find(place: Path, name: str) -> Path | None:
    candidates = (place / name, place / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _missing(place: Path) -> list[str]:
    return [name for name in ARCHIVE_MD5 if _find(place, name) is None]


def _describe(place: Path) -> str:
    missing = _missing(place)
    lacks = "" if len(missing) == len(ARCHIVE_MD5) else f" (which lacks {', '.join(missing)})"
    return f"{place}{lacks}"


def _download(places: tuple[Path, ...]) -> None:
    target = places[0]
    looked = [_describe(place) for place in places]
    remedy = (
        "Do one of: `apt-get install dataset-fashion-mnist`; put the four idx-ubyte files (.gz or not) into "
        f"{target}; set `data_folder` in config.yaml to the folder that has them."
    )
    for name in _missing(target):  # keeps files of an interrupted download
        archive = f"{name}.gz"
        download_or_explain(
            URL + archive,
            target / archive,
            ARCHIVE_MD5[name],
            dataset="fashion_mnist",
            looked=looked,
            remedy=remedy,
        )


def _read(place: Path, name: str, checksums: Mapping[str, str]) -> np.ndarray:
    path = _find(place, name) or place / name
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise ArtifactError(
            f"{path}: cannot be read or is damaged ({error}); delete it or replace it."
        ) from error
    found = bytes_md5(content)
    if found != checksums[name]:
        raise ArtifactError(
            f"{path}: damaged, or not Fashion-MNIST's (MD5 of its content {found}, expected {checksums[name]}; MNIST's "
            "files have the same names); delete it or replace it."
        )
    return parse_idx(content)


def parse_idx(content: bytes) -> np.ndarray:
    """Return the array in an IDX file of unsigned bytes: a magic number, the sizes, then plain bytes.

    Args:
        content: the whole file, decompressed; it is not checked.
    Returns:
        A new uint8 array of the shape given in the header.
    Source: LeCun, Cortes, Burges, "The MNIST database", file formats.
    """
    dimensions = content[3]
    shape = struct.unpack_from(f">{dimensions}I", content, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()
