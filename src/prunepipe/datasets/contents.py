"""Checksum the contents of files, so that a data set is prepared again exactly when its files change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from prunepipe.artifacts import write_text
from prunepipe.errors import ArtifactError

Part = TypeVar("Part")
Made = TypeVar("Made")
Item = TypeVar("Item")

FILES_AT_ONCE = 200
QUICK_SECONDS = 0.06
"""A part of files that takes less CPU time is read by one thread."""

SETTLED_SECONDS = 2.0
"""Minimum age: a younger file may change again within the resolution of its time stamp."""


def files_checksum(root: Path, files: Sequence[str], record: Path) -> str:
    """Return the checksum of the names and contents of files; files that have not changed are not read again.

    Args:
        root: the folder that holds them.
        files: their paths relative to `root`; the order matters.
        record: a small file that stores the checksum with sizes and time stamps; it may be deleted at any time.
    Returns:
        16 hexadecimal digits.
    Raises:
        ArtifactError: a file cannot be read.
    """
    stamp, changed = _stamp(root, files)
    with suppress(OSError, ValueError, LookupError, TypeError):
        known = json.loads(record.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            return str(known["content"])

    def digests(part: Sequence[str]) -> list[bytes]:
        return [content_digest(read_file(os.path.join(root, name))) for name in part]

    content = combined(files, (digest for read in by_parts(digests, in_parts(files)) for digest in read))
    if time.time() - changed > SETTLED_SECONDS:
        with suppress(ArtifactError):  # if it cannot be written, the files are read each time
            write_text(record, json.dumps({"stamp": stamp, "content": content}))
    return content


def in_parts(files: Sequence[Item]) -> list[Sequence[Item]]:
    """Cut a sequence into parts of `FILES_AT_ONCE`; the last may be shorter."""
    return [files[start : start + FILES_AT_ONCE] for start in range(0, len(files), FILES_AT_ONCE)]


def by_parts(work: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
    """Yield what a function makes of each part of a list of files, in order.

    Several threads help where the disk is slow or images are large. With small files at hand they mostly wait for each
    other, because Python hands its global lock on at every access to a file. The first part decides.

    Args:
        work: reads the files of a part.
        parts: from `in_parts`.
    """
    wall, cpu = time.monotonic(), time.thread_time()
    first = [work(part) for part in parts[:1]]
    cpu = time.thread_time() - cpu
    alone = cpu < QUICK_SECONDS and time.monotonic() - wall < 2 * cpu
    yield from first
    with ThreadPoolExecutor() as pool:
        yield from (map if alone else pool.map)(work, parts[1:])


def content_digest(content: bytes) -> bytes:
    """Return the digest of one file's content."""
    return hashlib.blake2b(content, digest_size=16).digest()


def combined(files: Sequence[str], digests: Iterable[bytes]) -> str:
    """Return the checksum of files from their names and the digests of their contents, in order."""
    whole = hashlib.blake2b(digest_size=8)
    for name, digest in zip(files, digests, strict=True):
        whole.update(os.fsencode(name) + b"\0" + digest)
    return whole.hexdigest()


def read_file(path: Path | str) -> bytes:
    """Return a file's bytes.

    Raises:
        ArtifactError: the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise ArtifactError(f"{shown(path)}: cannot be read ({error.strerror}).") from error


def shown(path: Path | str) -> str:
    """Return a path that any terminal can print: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _stamp(root: Path, files: Sequence[str]) -> tuple[str, float]:
    """Return a checksum of names, sizes and time stamps, and the time of the last change in seconds."""
    stamp = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16)
    latest = 0
    for name in files:
        try:
            state = os.stat(os.path.join(root, name))
        except OSError as error:
            raise ArtifactError(f"{shown(root / name)}: cannot be read ({error.strerror}).") from error
        latest = max(latest, state.st_mtime_ns, state.st_ctime_ns)
        facts = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        stamp.update(os.fsencode(name) + repr(facts).encode())
    return stamp.hexdigest(), latest / 1e9
