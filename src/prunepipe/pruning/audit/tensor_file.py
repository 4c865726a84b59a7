"""Read somebody's file of tensors without running any code that it brings: safetensors, or torch with weights alone."""

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
"""Gigabytes (1e9 bytes) of tensors that are read unless more is asked for: 500 million float32 weights."""

MASKS = ("masks", "mask")
"""Keys of a checkpoint behind which masks lie by their weights' names; read as `mask/NAME`."""

STATES = ("state_dict", "model_state_dict", "weights", "model", "network", "net", "params")
"""Keys of a checkpoint behind which a network's state may lie, in the order in which they are tried."""

WRAPPERS = ("module.", "_orig_mod.")
"""Put before every name by torch's DataParallel, and by torch.compile."""

SAFE_WAY = (
    "In the program that made it, save the tensors alone: torch.save(network.state_dict(), 'state.pt') or "
    "safetensors.torch.save_file(network.state_dict(), 'state.safetensors'); then audit that file."
)


def read_tensors(path: Path, size_limit: float = SIZE_LIMIT) -> dict[str, Tensor]:
    """Read the tensors of a network's file; a torch file is never allowed to run code.

    Args:
        path: safetensors, or what torch.save wrote: a state dict, or a checkpoint that holds one.
        size_limit: gigabytes of tensors that may be read.
    Returns:
        Dense tensors on the CPU by name, in the file's order; masks that lie apart are named `mask/NAME`.
    Raises:
        ArtifactError: it is missing, damaged, too large or would run code, or it holds a kind of tensor whose zeros say
            nothing.
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


def keeps_order(path: Path) -> bool:
    """Return whether a file's order is the network's: safetensors sorts its names."""
    with path.open("rb") as file:
        return file.read(9)[8:] != b"{"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(str(path), framework="pt") as file:
            names = list(file.keys())
            if HEADER in (file.metadata() or {}) and any(name.startswith(BITS) for name in names):
                return _read_own(path, ticket=len(names) > sum(name.startswith(BITS) for name in names))
            return {name: file.get_tensor(name) for name in names}
    except FOREIGN as error:
        raise _damaged(path, error) from error


def _read_own(path: Path, *, ticket: bool) -> dict[str, Tensor]:
    """Read a mask or a ticket of this pipeline, whose masks take one bit a weight."""
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
            f"{path}: holds a {type(held).__name__}, not tensors by the names of a network's weights. {SAFE_WAY}"
        )
    return _state(path, held)


def _state(path: Path, held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the network's state in a checkpoint, and masks that lie beside it."""
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
            f"{path}: no tensors by name; its keys are: {keys}. A state dict may lie behind {', '.join(STATES)}, "
            f"masks behind {' or '.join(MASKS)}. {SAFE_WAY}"
        )
    return found


def _tensors(held: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): value.detach() for name, value in held.items() if isinstance(value, Tensor)}


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without what wrappers of the whole network put before their names."""
    for wrapper in WRAPPERS:
        if all(name.removeprefix("mask/").startswith(wrapper) for name in tensors):
            tensors = {name.replace(wrapper, "", 1): value for name, value in tensors.items()}
    return tensors


def _refuse_kind(path: Path, name: str, tensor: Tensor) -> None:
    if tensor.layout != torch.strided:
        raise ArtifactError(
            f"{path}: '{name}' is sparse ({tensor.layout}), and so says nothing of masks that store zeros, too. "
            f"Save it dense, as tensor.to_dense()."
        )
    if tensor.ndim >= 2 and (tensor.is_quantized or tensor.is_complex() or tensor.dtype in _rounded_types()):
        raise ArtifactError(
            f"{path}: '{name}' is of type {str(tensor.dtype).removeprefix('torch.')}, whose zeros may be rounded "
            "weights and not pruned ones. Audit the weights before they were quantised; float16, bfloat16, float32 and "
            "float64 are read."
        )


def _rounded_types() -> set[torch.dtype]:
    """Return the types to which weights are rounded so coarsely that zeros arise, as far as this torch knows them."""
    named = {getattr(torch, name) for name in dir(torch) if name.startswith(("float8", "float4"))}
    return {torch.int8, *(kind for kind in named if isinstance(kind, torch.dtype))}


def _refuse_size(path: Path, size: int, size_limit: float) -> None:
    if size > size_limit * 1e9:
        raise ArtifactError(
            f"{path}: {size / 1e9:.1f} GB of tensors, the limit is {size_limit:g} GB (--size-limit). An audit needs up "
            "to fifteen times a file's size in memory: save the weights alone, without the optimiser's state, or raise "
            "the limit."
        )


def _unsafe(path: Path, error: Exception) -> ArtifactError:
    if "Weights only load failed" not in str(error):
        return _damaged(path, error)
    named = re.search(r"GLOBAL (\S+)", str(error))
    what = f" (it asks for {named.group(1)})" if named else ""
    return ArtifactError(
        f"{path}: to load it would run code that it names{what}; such files are refused. {SAFE_WAY}"
    )


def _damaged(path: Path, error: Exception) -> ArtifactError:
    reason = " ".join(str(error).split())[:120] or "it ends too early"
    return ArtifactError(
        f"{path}: neither safetensors nor a file of torch.save, or truncated ({type(error).__name__}: {reason})."
    )
