"""The IDX format of MNIST and its relatives: a magic number, the sizes, then plain bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from prunepipe.errors import ArtifactError

UNSIGNED_BYTES = 0x08


def read_content(path: Path) -> bytes:
    """Return a file's bytes, decompressed if its name ends in .gz.

    Raises:
        ArtifactError: the file cannot be read, or its compression is damaged.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise ArtifactError(
            f"{path}: cannot be read or is damaged ({error}); delete it or replace it."
        ) from error


def parse_idx(content: bytes, dimensions: int, path: Path) -> np.ndarray:
    """Parse an IDX file of unsigned bytes.

    Args:
        content: the whole file, decompressed.
        dimensions: 3 for images, 1 for labels.
        path: the file that the content came from, for messages.
    Returns:
        A new uint8 array of the shape given in the header.
    Raises:
        ArtifactError: the content is not an IDX file, truncated, or longer than its header says.
    Source: LeCun, Cortes, Burges, "The MNIST database", file formats.
    """
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    start = len(magic) + 4 * dimensions
    if content[: len(magic)] != magic or len(content) < start:
        found = content[: len(magic)].hex() or "nothing"
        what = f"an IDX file of unsigned bytes in {dimensions} dimensions"
        raise ArtifactError(f"{path}: not {what} (it starts with {found}, expected {magic.hex()}).")
    shape = struct.unpack(f">{dimensions}I", content[len(magic) : start])
    if len(content) - start != prod(shape):
        sizes = f"{len(content) - start} bytes of data, but its header says {shape} = {prod(shape)}"
        raise ArtifactError(f"{path}: truncated or damaged ({sizes}); delete it or replace it.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
