"""The prunable layers of a file, each with its mask, and how the file encodes what is pruned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prunepipe.artifacts import Arrays
from prunepipe.errors import ArtifactError
from prunepipe.networks.prunable import PROJECTIONS, rows_are_units, transposed_units
from prunepipe.networks.structure import Layer, Structure
from prunepipe.pruning.audit.tensor_file import SIZE_LIMIT, read_tensors

APPLIED, BESIDE, MASKS, ZEROS = (
    "weight_orig and weight_mask of torch.nn.utils.prune",
    "masks beside weights",
    "masks without weights",
    "weights without masks: weights that are exactly zero count as pruned",
)
"""The ways in which a file encodes what is pruned."""

KINDS = {2: "linear", 3: "conv", 4: "conv", 5: "conv"}
"""What a weight belongs to by its number of axes, if the network is not known."""

WEIGHTS = ("weight", *PROJECTIONS)
"""Attribute names of prunable weights."""

ByUnit = Callable[[np.ndarray], np.ndarray]
"""Reshapes values shaped like a weight to [output units, inputs]."""

SHOWN = 4
"""Most names that a message lists."""

REMEDY = "Fix --network, --classes, --channels or --network-option, or leave out --network to audit only the shapes."
"""What to do about a file that does not fit the network."""


@dataclass(frozen=True)
class AuditedLayer:
    """One prunable layer of a file.

    Attributes:
        layer: its name, kind and shape.
        mask: bool, True = kept.
        by_unit: reshapes values shaped like the weight to [output units, inputs].
        weight: its values, from `weight_orig` if there is one; None if the file only has the mask.
        masked: whether the file has a mask for it; if not, zero weights count as pruned.
        applied: whether the forward pass multiplies by the mask, so that pruned weights need not be zero.
        soft: number of mask values that are neither 0 nor 1; these count as kept.
        orphan: whether it is a `weight_orig` without its mask.
    """

    layer: Layer
    mask: np.ndarray
    by_unit: ByUnit
    weight: np.ndarray | None = None
    masked: bool = False
    applied: bool = False
    soft: int = 0
    orphan: bool = False

    @property
    def rows(self) -> np.ndarray:
        """The mask as [output units, inputs, *kernel], whatever the order of the weight's axes."""
        rows = self.by_unit(self.mask)
        return rows.reshape(len(rows), -1, *self.layer.shape[2:])


@dataclass(frozen=True)
class Subject:
    """A file's prunable layers.

    Attributes:
        path: of the file.
        layers: in the network's order, or the file's if there is no network.
        form: how the file encodes what is pruned: APPLIED, BESIDE, MASKS or ZEROS.
        types: data types of its weights and masks.
        other_size: number of values in the file that are neither prunable weights nor masks.
        weight_bytes: bytes per prunable weight in the file.
        unread: names of masks that belong to no prunable layer.
        structure: of the network; None if only the shapes are known.
    """

    path: Path
    layers: tuple[AuditedLayer, ...]
    form: str
    types: tuple[str, ...]
    other_size: int
    weight_bytes: int
    unread: tuple[str, ...]
    structure: Structure | None

    @property
    def mask(self) -> Arrays:
        """The masks by parameter name."""
        return {entry.layer.name: entry.mask for entry in self.layers}


@dataclass(frozen=True)
class NamedTensors:
    """The tensors of a file, sorted into weights and masks.

    Attributes:
        weights: by parameter name; `weight_orig` under the name of its weight.
        masks: by the name of their weight.
        original: names of the weights whose values were in `weight_orig`.
    """

    path: Path
    weights: dict[str, Tensor]
    masks: dict[str, Tensor]
    original: frozenset[str]


def read_named(path: Path, size_limit: float = SIZE_LIMIT) -> NamedTensors:
    """Read a file and separate masks from weights.

    Args:
        path: see `read_tensors`.
        size_limit: most gigabytes of tensors to read.
    Raises:
        ArtifactError: as `read_tensors`.
    """
    tensors = read_tensors(path, size_limit)
    owners = {name: _mask_owner(name, tensors) for name in tensors}
    masks = {owner: tensors[name] for name, owner in owners.items() if owner}
    rest = {name: value for name, value in tensors.items() if not owners[name]}
    original = frozenset(name.removesuffix("_orig") for name in rest if name.endswith("_orig"))
    return NamedTensors(
        path, {name.removesuffix("_orig"): value for name, value in rest.items()}, masks, original
    )


def _mask_owner(name: str, tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the weight that a tensor masks, or None if it is not a mask."""
    if name.startswith("mask/"):
        return name.removeprefix("mask/")
    prefixed = re.fullmatch(r"masks?\.(.+)", name)
    if prefixed and (prefixed.group(1) in tensors or _is_binary(tensors[name])):
        return prefixed.group(1)
    base = name.removesuffix("_mask")
    if base != name and (base in tensors or f"{base}_orig" in tensors or base.endswith("weight")):
        return base
    if name.endswith(".mask") and f"{name.removesuffix('mask')}weight" in tensors:
        return f"{name.removesuffix('mask')}weight"
    return name if tensors[name].ndim in KINDS and _is_binary(tensors[name]) else None


def _is_binary(tensor: Tensor) -> bool:
    """Return whether a tensor's values look like a mask: bool, or only zeros and ones with at least one 1."""
    if tensor.dtype == torch.bool:
        return True
    return bool(((tensor == 0) | (tensor == 1)).all()) and bool((tensor == 1).any())


def subject_of(
    named: NamedTensors,
    structure: Structure | None = None,
    by_unit: Mapping[str, ByUnit] | None = None,
    remedy: str = REMEDY,
) -> Subject:
    """Return the prunable layers of a file.

    Args:
        named: tensors of the file.
        structure: of the network; None to take every matrix (2-D) and kernel (3-D to 5-D) as prunable that has a mask
            or is named as weights are (WEIGHTS).
        by_unit: per layer of the network, what reshapes a weight's values to [output units, inputs].
        remedy: what to do about a file that does not fit the network, for the message.
    Raises:
        ArtifactError: names or shapes do not fit the network, a mask does not fit its weight, or nothing is prunable.
    """
    layers = _layers_by_shape(named) if structure is None else _layers_of_network(named, structure, remedy)
    audited = tuple(
        _audited(named, layer, (by_unit or {}).get(layer.name) or _units_by_bias(named, layer))
        for layer in layers
    )
    names = {layer.name for layer in layers}
    read = [*(named.weights[name] for name in names & set(named.weights)), *named.masks.values()]
    others = [value for name, value in named.weights.items() if name not in names]
    return Subject(
        path=named.path,
        layers=audited,
        form=_form(audited),
        types=tuple(sorted({str(value.dtype).removeprefix("torch.") for value in read})),
        other_size=sum(value.numel() for value in others if value.is_floating_point()),
        weight_bytes=max(
            (named.weights[name].element_size() for name in names & set(named.weights)), default=4
        ),
        unread=tuple(name for name in named.masks if name not in names),
        structure=structure,
    )


def _layers_by_shape(named: NamedTensors) -> list[Layer]:
    tensors = {**named.masks, **named.weights}
    order = [*named.weights, *(name for name in named.masks if name not in named.weights)]
    layers = [
        Layer(name, KINDS[tensors[name].ndim], tuple(tensors[name].shape))
        for name in order
        if tensors[name].ndim in KINDS and (name in named.masks or name.split(".")[-1] in WEIGHTS)
    ]
    if not layers:
        raise ArtifactError(
            f"{named.path}: no weight or mask of a convolution or Linear layer: none of its {len(tensors)} tensors has "
            f"2 to 5 axes and a name that ends in 'weight'. It has: {_listed(tensors)}. Give the network with "
            "--network."
        )
    return [layer for layer in layers if layer.size > 0]


def _layers_of_network(named: NamedTensors, structure: Structure, remedy: str) -> list[Layer]:
    held = {**named.masks, **named.weights}
    shapes = {name: tuple(value.shape) for name, value in held.items()}
    alone = not any(name in named.weights for name in structure.shapes)
    unknown = [name for name in named.masks if name not in structure.shapes] if alone else []
    absent = [name for name in structure.shapes if name not in shapes and not (alone and named.masks)]
    problems = [
        f"no {_with_shape(name, structure.shapes[name])}{_closest(name, structure.shapes[name], shapes)}"
        for name in absent
    ]
    problems += [
        f"the mask {_with_shape(name, shapes[name])} belongs to no prunable layer"
        + _closest(name, shapes[name], structure.shapes)
        for name in unknown
    ]
    problems += [
        f"'{name}' is {_sides(shapes[name])} in the file and {_sides(shape)} in the network"
        for name, shape in structure.shapes.items()
        if name in shapes and shapes[name] != shape
    ]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ArtifactError(
            f"{named.path}: does not fit the network: {'; '.join(problems[:SHOWN])}{more}. {remedy}"
        )
    return list(structure.layers)


def _closest(name: str, shape: tuple[int, ...], known: Mapping[str, tuple[int, ...]]) -> str:
    """Name the known tensor with the most similar name, if possible of the same shape."""
    alike = [other for other, sides in known.items() if sides == shape]
    nearest = get_close_matches(name, alike, 1, 0.0) or get_close_matches(name, known, 1, 0.0)
    return f" (closest: {_with_shape(nearest[0], known[nearest[0]])})" if nearest else ""


def _with_shape(name: str, shape: Iterable[int]) -> str:
    return f"'{name}' {_sides(shape)}"


def _sides(shape: Iterable[int]) -> str:
    return str(list(shape))


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return (
        ", ".join(_with_shape(name, value.shape) for name, value in list(tensors.items())[:SHOWN])
        or "nothing"
    )


def _units_by_bias(named: NamedTensors, layer: Layer) -> ByUnit:
    """Return how to reshape a weight to output units: transposed if its bias has another length than its first axis."""
    bias = named.weights.get(f"{layer.name.removesuffix('weight')}bias")
    count = 0 if bias is None or layer.kind != "conv" else bias.numel()
    groups, rest = divmod(count, max(layer.shape[1], 1))
    if count == layer.shape[0] or groups == 0 or rest or layer.shape[0] % groups:
        return partial(rows_are_units, None)
    module: Any = SimpleNamespace(groups=groups, out_channels=count)
    return partial(transposed_units, module)


def _audited(named: NamedTensors, layer: Layer, by_unit: ByUnit) -> AuditedLayer:
    name = layer.name
    weight = values_of(named.weights[name]) if name in named.weights else None
    if name not in named.masks:
        kept = np.ones(layer.shape, bool) if weight is None else weight != 0
        return AuditedLayer(layer, kept, by_unit, weight, orphan=name in named.original)
    values = values_of(named.masks[name])
    if values.shape != layer.shape:
        raise ArtifactError(
            f"{named.path}: the mask of {_with_shape(name, layer.shape)} has the shape {_sides(values.shape)}. Save it "
            "in the shape of its weight."
        )
    soft = int(np.count_nonzero((values != 0) & (values != 1)))
    return AuditedLayer(layer, values != 0, by_unit, weight, True, name in named.original, soft)


def values_of(tensor: Tensor) -> np.ndarray:
    """Return a tensor as an array; float16, and bfloat16, which numpy lacks, are widened to float32 exactly."""
    wide = tensor.float() if tensor.is_floating_point() and tensor.element_size() == 2 else tensor
    return wide.contiguous().numpy()


def _form(layers: tuple[AuditedLayer, ...]) -> str:
    if any(entry.applied or entry.orphan for entry in layers):
        return APPLIED
    if any(entry.masked for entry in layers):
        return BESIDE if any(entry.weight is not None for entry in layers) else MASKS
    return ZEROS
