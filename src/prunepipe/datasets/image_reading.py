"""Read image files into one array, in parallel."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from prunepipe.datasets.contents import FILES_AT_ONCE, by_parts, content_digest, in_parts, read_file, shown
from prunepipe.datasets.decoding import decode, read_size
from prunepipe.errors import ArtifactError

QUIET_SECONDS = 3.0
SECONDS_A_LINE = 10.0
NAMED = 5
"""Number of unreadable images that a message names."""

Part = list[tuple[str, str]]
"""Unusable images, each with the reason."""


def first_size(root: Path, file: str) -> tuple[int, int]:
    """Return height and width of an image, from its header.

    Raises:
        ArtifactError: the image cannot be read.
    """
    try:
        return read_size(read_file(root / file))
    except ArtifactError:
        raise
    except Exception as error:  # Pillow raises many kinds
        raise ArtifactError(_no_images(root, [(file, str(error))], 1)) from error


def read_images(
    root: Path, files: Sequence[str], shape: tuple[int, int, int], *, resize: bool
) -> tuple[np.ndarray, list[bytes]]:
    """Read and decode image files.

    Args:
        root: the folder that holds them.
        files: their paths relative to `root`.
        shape: channels, height and width of every image.
        resize: resize and centre-crop to the height; False refuses images of another size.
    Returns:
        The images, uint8 [N, C, H, W], and the digest of each file's content.
    Raises:
        ArtifactError: the message counts and names images that cannot be read or have another size.
    """
    pixels = np.empty((len(files), *shape), np.uint8)
    digests = [b""] * len(files)
    side = shape[1] if resize else None

    def read(positions: Sequence[int]) -> Part:
        wrong: Part = []
        for position in positions:
            try:
                content = read_file(os.path.join(root, files[position]))
                digests[position] = content_digest(content)
                image = decode(content, channels=shape[0], image_size=side)
                if image.shape != shape:
                    raise ValueError(_size_text(image, shape, files[0]))
                pixels[position] = image
            except Exception as error:  # Pillow raises many kinds for damaged files
                wrong.append((files[position], str(error)))
        return wrong

    read_parts = _with_progress(by_parts(read, in_parts(range(len(files)))), len(files))
    unreadable = [wrong for part in read_parts for wrong in part]
    if unreadable:
        raise ArtifactError(_no_images(root, unreadable, len(files)))
    return pixels, digests


def _with_progress(parts: Iterable[Part], total: int) -> Iterator[Part]:
    """Yield what was read and show the progress of a long read: a bar on a terminal, plain lines in a log."""
    bar = tqdm(total=total, unit="image", delay=QUIET_SECONDS, disable=not sys.stderr.isatty())
    said, done = time.monotonic(), 0
    with bar:
        for part in parts:
            yield part
            done = min(done + FILES_AT_ONCE, total)
            bar.update(done - bar.n)
            if bar.disable and time.monotonic() - said > SECONDS_A_LINE:
                said = time.monotonic()
                print(f"{done:,} of {total:,} images read", flush=True)


def _size_text(image: np.ndarray, shape: tuple[int, int, int], first: str) -> str:
    height, width = image.shape[1:]
    return (
        f"it has {height} x {width} pixels, {shown(first)} has {shape[1]} x {shape[2]}; "
        "set image_size to bring all to one size"
    )


def _no_images(root: Path, unreadable: Sequence[tuple[str, str]], total: int) -> str:
    named = "; ".join(f"{shown(name)} ({reason})" for name, reason in unreadable[:NAMED])
    more = f"; and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    return f"{shown(root)}: {len(unreadable)} of {total:,} images cannot be used: {named}{more}. Repair or remove them."
