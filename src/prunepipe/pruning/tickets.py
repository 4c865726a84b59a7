"""Read and write tickets: a mask and weights that respect it, together in one checked file."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from prunepipe.artifacts import FOREIGN, Arrays, checksum, read_arrays, write_arrays
from prunepipe.errors import ArtifactError, ScoreError, remake
from prunepipe.networks.structure import Structure, check_mask

BITS, KEPT, OTHER = "bits/", "kept/", "other/"


def write_mask(path: Path | str, mask: Mapping[str, np.ndarray], **metadata: Any) -> None:
    """Write a mask, one bit per weight, with its shapes and checksum."""
    bits = {BITS + name: np.packbits(kept) for name, kept in mask.items()}
    write_arrays(path, bits, **_mask_facts(mask), **metadata)


def read_mask(path: Path | str) -> tuple[Arrays, dict[str, Any]]:
    """Read what `write_mask` wrote.

    Raises:
        ArtifactError: not a mask, or its checksum does not match.
    """
    arrays, metadata = read_arrays(path)
    return _unpack(path, arrays, metadata), metadata


def write_ticket(
    path: Path | str, weights: Mapping[str, np.ndarray], mask: Mapping[str, np.ndarray], **metadata: Any
) -> None:
    """Write a mask and weights, storing only the kept ones of the prunable weights.

    Args:
        path: the safetensors file.
        weights: the complete state dict; zero where the mask prunes.
        mask: bool arrays, True = kept, for the prunable weights.
        metadata: JSON-compatible facts to store with them.

    Raises:
        ScoreError: a pruned weight is not zero.
    """
    arrays = {BITS + name: np.packbits(kept) for name, kept in mask.items()}
    for name, kept in mask.items():
        if weights[name][~kept].any():
            raise ScoreError(
                f"{path}: '{name}' has pruned weights that are not zero; mask the weights first."
            )
        arrays[KEPT + name] = weights[name][kept]
    arrays |= {OTHER + name: value for name, value in weights.items() if name not in mask}
    write_arrays(path, arrays, order=list(weights), **_mask_facts(mask), **metadata)


def read_ticket(path: Path | str) -> tuple[Arrays, Arrays, dict[str, Any]]:
    """Read what `write_ticket` wrote.

    Returns:
        The weights (zero where pruned), the mask, and the metadata.

    Raises:
        ArtifactError: not a ticket, or its mask's checksum does not match.
    """
    arrays, metadata = read_arrays(path)
    mask = _unpack(path, arrays, metadata)
    try:
        weights = {name: _weight(name, arrays, mask) for name in metadata["order"]}
    except FOREIGN as error:
        raise ArtifactError(f"{path}: not a ticket of this pipeline ({error!r}). {remake(path)}") from error
    return weights, mask, metadata


def read_weights(path: Path | str) -> tuple[Arrays, Arrays]:
    """Read the weights of a network, dense or pruned.

    Returns:
        The weights, and the mask; of a dense network, an empty mask.

    Raises:
        ArtifactError: not a file of this pipeline.
    """
    arrays, metadata = read_arrays(path)
    return read_ticket(path)[:2] if "mask_checksum" in metadata else (arrays, {})


def require_fit(path: Path | str, mask: Arrays, structure: Structure) -> None:
    """Raise an error if a mask file does not fit the network.

    Raises:
        ArtifactError: the message names the file and the first layer that differs.
    """
    try:
        check_mask(mask, structure.shapes)
    except ScoreError as error:
        raise ArtifactError(f"{path}: {error} {remake(path)}") from error


def _weight(name: str, arrays: Arrays, mask: Arrays) -> np.ndarray:
    if name not in mask:
        return arrays[OTHER + name]
    values = arrays[KEPT + name]
    weight = np.zeros(mask[name].shape, values.dtype)
    weight[mask[name]] = values
    return weight


def _mask_facts(mask: Mapping[str, np.ndarray]) -> dict[str, Any]:
    shapes = {name: list(kept.shape) for name, kept in mask.items()}
    return {"shapes": shapes, "mask_checksum": checksum(mask)}


def _unpack(path: Path | str, arrays: Arrays, metadata: dict[str, Any]) -> Arrays:
    try:
        mask = {
            name: np.unpackbits(arrays[BITS + name], count=prod(shape)).reshape(shape).astype(bool)
            for name, shape in metadata["shapes"].items()
        }
    except (*FOREIGN, OverflowError, MemoryError) as error:
        raise ArtifactError(f"{path}: holds no mask of this pipeline ({error!r}). {remake(path)}") from error
    if checksum(mask) != metadata.get("mask_checksum"):
        raise ArtifactError(f"{path}: the mask's checksum does not match its bits. {remake(path)}")
    return mask
