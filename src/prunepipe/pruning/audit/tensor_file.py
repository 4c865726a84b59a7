"""Read a file of tensors without running code from it: safetensors, or torch with `weights_only=True`."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from prunepipe.artifacts import FOREIGN, HEADER
from prunepipe.errors import ArtifactError
from prunepipe.pruning.tickets import BITS, read_mask, read_ticket

SIZE_LIMIT = 2.0
"""Default limit on the tensors of a file, gigabytes (1e9 bytes): 500 million float32 weights."""

MASKS = ("masks", "mask")
"""Keys of a checkpoint that may have masks, by the names of their weights; read as `mask/NAME`."""

STATES = ("state_dict", "model_state_dict", "weights", "model", "network", "net", "params")
"""Keys of a checkpoint that may have the network's state, in the order in which they are tried."""

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that torch's DataParallel and torch.compile put on every name."""

SAFE_WAY = (
    "In the program that made it, save only the tensors: torch.save(network.state_dict(), 'state.pt') or "
    "safetensors.torch.save_file(network.state_dict(), 'state.safetensors'). Then audit that file."
)


def read_tensors(path: Path, size_limit: float = SIZE_LIMIT) -> dict[str, Tensor]:
    """Read the tensors of a file without running code from it.

    Args:
        path: a safetensors file, or one that torch.save wrote: a state dict, or a checkpoint with one.
        size_limit: most gigabytes of tensors to read.
    Returns:
        Dense CPU tensors by name, in the file's order, or sorted if it has none. Masks stored apart from the weights
        are named `mask/NAME`.
    Raises:
        ArtifactError: it is missing, damaged or too large, would run code, or has a kind of tensor whose zeros say
            nothing about pruning.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file.")
    _refuse_size(path, path.stat().st_size, size_limit)
    with path.open("rb") as file:
        head = file.read(9)
    tensors = _read_safetensors(path) if head[8:] == b"{" else _read_torch(path, size_limit)
    _refuse_size(path, sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()), size_limit)
    for name, tensor in tensors.items():
        _refuse_kind(path, name, tensor)
    return _unwrapped(tensors)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(path), framework="pt") as file:
            names = list(file.keys())
            if HEADER in (file.metadata() or {}) and any(name.startswith(BITS) for name in names):
                return _read_own(path, ticket=len(names) > sum(name.startswith(BITS) for name in names))
            return {name: file.get_tensor(name) for name in sorted(names, key=_by_number)}
    except FOREIGN as error:
        raise _damaged(path, error) from error


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts features.2 before features.10, since safetensors loses the order of names."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _read_own(path: Path, *, ticket: bool) -> dict[str, Tensor]:
    """Read a mask or ticket of a prunepipe study, which stores masks with one bit per weight."""
    weights, masks = read_ticket(path)[:2] if ticket else ({}, read_mask(path)[0])
    named = {f"mask/{name}": mask for name, mask in masks.items()}
    return {name: torch.from_numpy(array) for name, array in {**weights, **named}.items()}


def _read_torch(path: Path, size_limit: float) -> dict[str, Tensor]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _refuse_size(path, sum(entry.file_size for entry in archive.infolist()), size_limit)
        with warnings.catch_warnings(action="ignore"):  # torch's, of kinds of tensors that are refused here
            held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _unsafe(path, error) from error
    except (*FOREIGN, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    if not isinstance(held, Mapping):
        raise ArtifactError(
            f"{path}: contains a {type(held).__name__}, not a dictionary of tensors by name. {SAFE_WAY}"
        )
    return _state(path, held)


def _state(path: Path, held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the network's state in a checkpoint, and the masks stored next to it."""
    found = _tensors(held)
    if not found:
        states = (_tensors(held[key]) for key in STATES if isinstance(held.get(key), Mapping))
        found = next((state for state in states if state), {})
    for key in MASKS:
        apart = _tensors(held[key]) if isinstance(held.get(key), Mapping) else {}
        found |= {f"mask/{name}": mask for name, mask in apart.items()}
    if not found:
        keys = ", ".join(map(str, list(held)[:8])) or "none"
        raise ArtifactError(
            f"{path}: no tensors by name; its keys are: {keys}. A state dict may be under {', '.join(STATES)}, masks "
            f"under {' or '.join(MASKS)}. {SAFE_WAY}"
        )
    return found


def _tensors(held: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): value.detach() for name, value in held.items() if isinstance(value, Tensor)}


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without the prefixes of wrappers around the whole network."""
    for wrapper in WRAPPERS:
        if all(name.removeprefix("mask/").startswith(wrapper) for name in tensors):
            tensors = {name.replace(wrapper, "", 1): value for name, value in tensors.items()}
    return tensors


def _refuse_kind(path: Path, name: str, tensor: Tensor) -> None:
    if tensor.layout != torch.strided:
        raise ArtifactError(
            f"{path}: '{name}' is a sparse tensor ({tensor.layout}), which may store pruned weights as explicit zeros. "
            "Save tensor.to_dense() instead."
        )
    if tensor.ndim >= 2 and (tensor.is_quantized or tensor.is_complex() or tensor.dtype in _rounded_types()):
        raise ArtifactError(
            f"{path}: '{name}' is of type {str(tensor.dtype).removeprefix('torch.')}, whose zeros may be rounded "
            "weights and not pruned ones. Audit the weights before quantisation, as float16, bfloat16, float32 or "
            "float64."
        )


def _rounded_types() -> set[torch.dtype]:
    """Return the types of this torch version that round small weights to zero."""
    named = {getattr(torch, name) for name in dir(torch) if name.startswith(("float8", "float4"))}
    return {torch.int8, *(kind for kind in named if isinstance(kind, torch.dtype))}


def _refuse_size(path: Path, size: int, size_limit: float) -> None:
    if size > size_limit * 1e9:
        raise ArtifactError(
            f"{path}: {size / 1e9:.1f} GB of tensors, the limit is {size_limit:g} GB (--size-limit). Save only the "
            "weights, without the optimizer's state, or raise the limit; an audit needs up to fifteen times the "
            "file's size in memory."
        )


def _unsafe(path: Path, error: Exception) -> ArtifactError:
    if "Weights only load failed" not in str(error):
        return _damaged(path, error)
    named = re.search(r"GLOBAL (\S+)", str(error))
    what = f" (it asks for {named.group(1)})" if named else ""
    return ArtifactError(
        f"{path}: loading it would run code from the file{what}, which is refused. {SAFE_WAY}"
    )


def _damaged(path: Path, error: Exception) -> ArtifactError:
    if path.suffix in (".npz", ".npy"):
        return ArtifactError(
            f"{path}: numpy files are not read; write the arrays with safetensors.numpy.save_file(dict(arrays), path)."
        )
    reason = " ".join(str(error).split())[:120] or "it ends too early"
    return ArtifactError(
        f"{path}: not a safetensors or torch.save file, or truncated ({type(error).__name__}: {reason})."
    )
