"""Read CIFAR's python files safely: they are pickles, which can run code, so two safeguards apply.

The first is the published checksum: no other file reaches the unpickler. The second is an
unpickler that accepts only the three names that an array of bytes needs.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from prunepipe.datasets.sources import bytes_md5, require_md5
from prunepipe.errors import ArtifactError


def load_batch(content: bytes, md5: str, source: str) -> dict[str, Any]:
    """Unpickle one official CIFAR file.

    Args:
        content: the whole file.
        md5: its published checksum.
        source: its origin, for messages.
    Returns:
        The file's values by name.
    Raises:
        ArtifactError: the checksum differs, or the pickle asks for anything but arrays of bytes.
    """
    require_md5(source, bytes_md5(content), md5)
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except ArtifactError as error:
        raise ArtifactError(f"{source}: {error}") from error
    return {key.decode(): value for key, value in batch.items()}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ArtifactError(
                f"refused: the pickle asks for {module}.{name}, which no array of bytes needs."
            )
        return _ALLOWED[module, name]


def _empty_array(kind: type, shape: tuple[int, ...], typecode: bytes) -> np.ndarray:
    if kind is not np.ndarray:
        raise ArtifactError("refused: the pickle builds an array of a foreign type.")
    return np.empty(0, np.uint8)  # shape and content follow as the array's state


def _byte_type(code: bytes | str, *flags: object) -> np.dtype[Any]:
    # numpy 2.4 warns about the integer flags that Python 2 wrote, so they are dropped.
    if code not in (b"u1", "u1"):
        raise ArtifactError(f"refused: the pickle holds an array of type {code!r}, expected bytes (u1).")
    return np.dtype("u1")


_ALLOWED: dict[tuple[str, str], type | Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _byte_type,
}
