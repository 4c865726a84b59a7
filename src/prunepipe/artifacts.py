"""Read and write the pipeline's files: safetensors and JSON, written atomically, checked when read."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize

from prunepipe.errors import ArtifactError, remake

Arrays = dict[str, np.ndarray]
"""Named arrays: weights (float32), scores (float) or masks (bool), keyed by parameter name."""

HEADER, SEAL = "prunepipe 2", "checksum"
"""Key of our header in a safetensors file, including the format's number; key of the checksum over that header."""

NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
"""Error numbers of file systems without locks."""

FOREIGN = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, SafetensorError)
"""What reading a damaged or foreign file may raise."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success it is fsynced and renamed over `path`.

    Args:
        path: the final name; its folder is created if it is missing.

    Yields:
        The temporary path to write to. After an error it is removed and `path` is unchanged.

    Raises:
        ArtifactError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    descriptor: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_temporary(path)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        _lock(descriptor)
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files; results are not secrets
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        reason = f"{path}: cannot be written ({error.strerror or error}); free space or fix the folder's permissions."
        raise ArtifactError(reason) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def remove_temporary(path: Path | str) -> None:
    """Remove temporary files that killed writes of `path` left behind; a running write holds a lock on its own."""
    path = Path(path)
    pattern = glob.escape(f".{path.name}.") + "[!.]" * 8 + glob.escape(path.suffix)  # as mkstemp names them
    for left in path.parent.glob(pattern):
        with suppress(OSError), left.open() as file:
            if _lock(file.fileno()):
                left.unlink()


def _lock(descriptor: int) -> bool:
    """Lock an open file; return False if the file system does not support locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        _say_no_locks()
        return False
    return True


@cache
def _say_no_locks() -> None:
    """Warn once that killed writes cannot be cleaned up without locks."""
    print(
        "no file locks here: temporary files of killed writes (.NAME.*) stay until you remove them",
        file=sys.stderr,
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, data: Mapping[str, Any]) -> None:
    """Write plain data as indented JSON with its own checksum, atomically; NaN and infinity are refused."""
    sealed = {**data, SEAL: text_checksum(data)}
    write_text(path, json.dumps(sealed, indent=1, allow_nan=False) + "\n")


def read_json(path: Path | str, *names: str) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Args:
        path: a JSON file of this pipeline.
        names: keys that the file must have.

    Raises:
        ArtifactError: the file is missing, truncated, foreign, from another version, or changed since it was written.
    """
    try:
        data: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        sound = data.pop(SEAL) == text_checksum(data)
    except FOREIGN as error:
        raise ArtifactError(_unreadable(path, error)) from error
    _require_sound(path, sound)
    absent = [name for name in names if name not in data]
    if absent:
        raise of_another_version(path, f"no {', '.join(absent)}")
    return data


def write_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], **metadata: Any) -> None:
    """Write named arrays and JSON-able metadata as one safetensors file, atomically."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    sums = {name: checksum({name: array}) for name, array in contiguous.items()}
    facts = {"metadata": metadata, "arrays": sums}
    # Keys are not sorted: a resumed history keeps the order of its columns. The header has one key only, because
    # safetensors does not preserve the order of several, so equal runs would differ.
    header = {HEADER: json.dumps({**facts, SEAL: text_checksum(facts)})}
    with atomic_path(path) as temporary:
        temporary.write_bytes(serialize(contiguous, metadata=header))


def read_arrays(
    path: Path | str, *, only: Iterable[str] | None = None, finite: bool = True
) -> tuple[Arrays, dict[str, Any]]:
    """Read what `write_arrays` wrote.

    Args:
        path: a safetensors file of this pipeline.
        only: names to read; None reads all.
        finite: refuse NaN and infinity in floating-point arrays.

    Returns:
        The arrays by name, and the metadata.

    Raises:
        ArtifactError: the file is missing, truncated or foreign, or holds values that are not finite.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = file.keys() if only is None else only
            arrays = {name: file.get_tensor(name) for name in names}
            header = file.metadata() or {}
        if HEADER not in header and any(name.startswith("prunepipe") for name in header):
            raise of_another_version(path, f"it has {', '.join(header)} and not {HEADER}")
        facts = json.loads(header[HEADER])
        sound = facts.pop(SEAL) == text_checksum(facts)
        sums: dict[str, str] = dict(facts["arrays"])
        metadata: dict[str, Any] = dict(facts["metadata"])
        sound &= all(sums.get(name) == checksum({name: array}) for name, array in arrays.items())
    except FOREIGN as error:
        raise ArtifactError(_unreadable(path, error)) from error
    _require_sound(path, sound)
    for name, array in arrays.items():
        if finite and np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise ArtifactError(f"{path}: '{name}' holds NaN or infinity. {remake(path)}")
    return arrays, metadata


def mismatch(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Return the first difference between named arrays and the expected names and shapes, or None."""
    for name in sorted(set(arrays) ^ set(shapes)):
        verb = "lack" if name in shapes else "hold the unknown"
        return f"{verb} '{name}'; expected exactly: {', '.join(shapes)}"
    for name, shape in shapes.items():
        if arrays[name].shape != tuple(shape):
            return f"of '{name}' have shape {arrays[name].shape}, expected {tuple(shape)}"
    return None


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a short checksum of named arrays: names, dtypes, shapes and bytes."""
    digest = hashlib.blake2b(digest_size=8)  # hashlib's fastest on processors without hash instructions
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype}:{array.shape};".encode())
        digest.update(array.data)
    return digest.hexdigest()


def text_checksum(data: Any) -> str:
    """Return a short checksum of plain data, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def of_another_version(path: Path | str, reason: str) -> ArtifactError:
    """Return the error for an intact file that another version of prunepipe wrote."""
    return ArtifactError(f"{path}: made by another version of prunepipe ({reason}). {remake(path)}")


def _require_sound(path: Path | str, sound: bool) -> None:
    if not sound:
        raise ArtifactError(
            f"{path}: changed since it was written (its checksum does not match). {remake(path)}"
        )


def _unreadable(path: Path | str, error: Exception) -> str:
    if not Path(path).exists():
        return f"{path}: no such file. {remake(path)}"
    kind = "not a file of this pipeline, or truncated"
    return f"{path}: {kind} ({type(error).__name__}: {str(error)[:120]}). {remake(path)}"
