"""Measure a file's masks: densities, other allocations, paths, overlap with magnitude, multiply-adds, bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.errors import ConfigError
from prunepipe.networks.connectivity import Connectivity, connectivity
from prunepipe.networks.multiply_adds import multiply_adds, uses_of_weights
from prunepipe.networks.prunable import PROJECTIONS
from prunepipe.networks.recording import Recording, record
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations.depth import smart
from prunepipe.pruning.allocations.shapes import erk, uniform_all
from prunepipe.pruning.audit.patterns import Pattern, pattern_of
from prunepipe.pruning.audit.subject import AuditedLayer, Subject
from prunepipe.pruning.masks import Overlap, overlap, select

ALLOCATIONS: dict[str, Callable[[Arrays, Structure, int], dict[str, int]]] = {
    "smart": smart,
    "uniform_all": uniform_all,
    "erk": erk,
}
"""Allocations to compare densities with; smart is only known with the network."""


PACKED = PROJECTIONS[0]
PARTS = ("queries", "keys", "values")
"""The three parts of attention's packed projection, in the order of its rows."""


@dataclass(frozen=True)
class Part:
    """One of the three parts of attention's packed projection.

    Attributes:
        name: of the weight and the part.
        kept, units: number of weights that the mask keeps, and of outputs.
    """

    name: str
    kept: int
    units: int


@dataclass(frozen=True)
class LayerMeasures:
    """What is known about one layer.

    Attributes:
        name, kind, shape, size: of its weight.
        masked: whether the file has a mask for it.
        kept: number of weights that its mask keeps.
        expected: number of weights that each known allocation would keep, by name.
        units, empty_units: number of outputs, and of outputs that keep no weight.
        effective, dead_units: number of weights on a path, and of outputs on none; None without a network.
        violations: number of pruned weights that are not zero and that no mask in the forward pass hides.
        kept_zeros: number of kept weights that are exactly zero, if the layer has a mask.
        not_finite: number of weights that are NaN or infinite.
        soft: number of mask values that are neither 0 nor 1.
        inverted: whether all kept weights are zero and some pruned ones are not.
        orphan: whether it is a `weight_orig` without its mask.
        pattern: N:M pattern of its mask.
        magnitude: overlap with the same number of the layer's largest weights; None if not known.
        multiply_adds: multiply-adds per image with its kept weights; None if not known.
        dense_multiply_adds: multiply-adds per image with all its weights.
        parts: queries, keys and values of a packed attention projection; empty for other weights.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    size: int
    masked: bool
    kept: int
    expected: dict[str, int]
    units: int
    empty_units: int
    effective: int | None
    dead_units: int | None
    violations: int
    kept_zeros: int
    not_finite: int
    soft: int
    inverted: bool
    orphan: bool
    pattern: Pattern | None
    magnitude: Overlap | None
    multiply_adds: int | None
    dense_multiply_adds: int | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Measures:
    """What is known about a file.

    Attributes:
        layers: one entry per layer.
        collapsed, unreachable_outputs: of the network; None without a network.
        magnitude: overlap of the whole mask with as many of each layer's largest weights; None if not known.
        refused: why an allocation cannot keep that many weights, by its name.
        dense_bytes: size of the prunable weights as stored.
        sparse_bytes: size of the kept weights and a mask of one bit per weight.
    """

    layers: tuple[LayerMeasures, ...]
    collapsed: bool | None
    unreachable_outputs: int | None
    magnitude: Overlap | None
    refused: dict[str, str]
    dense_bytes: int
    sparse_bytes: int

    @property
    def size(self) -> int:
        """Number of prunable weights."""
        return sum(layer.size for layer in self.layers)

    @property
    def kept(self) -> int:
        """Number of kept weights."""
        return sum(layer.kept for layer in self.layers)

    @property
    def prune_ratio(self) -> float:
        """Share of the prunable weights that are removed."""
        return 1 - self.kept / self.size

    @property
    def effective(self) -> int | None:
        """Number of kept weights on a path from input to output; None without a network."""
        return _sum([layer.effective for layer in self.layers])

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds per image with kept weights; None if not known."""
        return _sum([layer.multiply_adds for layer in self.layers])

    @property
    def dense_multiply_adds(self) -> int | None:
        """Multiply-adds per image with all prunable weights; None if not known."""
        return _sum([layer.dense_multiply_adds for layer in self.layers])


def measure(
    subject: Subject, network: nn.Module | None = None, image_shape: tuple[int, ...] = ()
) -> Measures:
    """Measure a file's masks without training.

    Args:
        subject: the file.
        network: the network it belongs to, or None; not changed, its weights do not matter.
        image_shape: (channels, height, width) of one image, pixels.
    Raises:
        ConfigError: the network does not take such images.
    """
    recording = record(network, image_shape) if network else None
    paths = connectivity(subject.mask, recording) if recording else None
    costs = _multiply_adds(subject, recording) if recording else {}
    expected, refused = _expected(subject)
    by_layer, whole = _magnitude(subject)
    layers = tuple(
        _layer(entry, paths, costs, {key: kept[entry.layer.name] for key, kept in expected.items()}, by_layer)
        for entry in subject.layers
    )
    size, kept = sum(layer.size for layer in layers), sum(layer.kept for layer in layers)
    return Measures(
        layers=layers,
        collapsed=paths.collapsed if paths else None,
        unreachable_outputs=paths.unreachable_outputs if paths else None,
        magnitude=whole,
        refused=refused,
        dense_bytes=size * subject.weight_bytes,
        sparse_bytes=kept * subject.weight_bytes + ceil(size / 8),
    )


def _multiply_adds(subject: Subject, recording: Recording) -> dict[str, tuple[int, int]]:
    """Return the multiply-adds per image of each weight that the network uses in a product: kept, and all."""
    found = {}
    for name, uses in uses_of_weights(recording).items():
        if uses:
            mask, weight = subject.mask[name], recording.weights[name]
            found[name] = (multiply_adds(mask, weight, uses), multiply_adds(np.ones_like(mask), weight, uses))
    return found


def _expected(subject: Subject) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Return how many weights each allocation would keep, and why some cannot keep that many."""
    structure = subject.structure or Structure(tuple(entry.layer for entry in subject.layers))
    kept = sum(int(entry.mask.sum()) for entry in subject.layers)
    expected, refused = {}, {}
    for name, allocation in ALLOCATIONS.items():
        if name == "smart" and subject.structure is None:
            continue
        try:
            expected[name] = allocation({}, structure, kept)
        except ConfigError as error:
            refused[name] = str(error)
    return expected, refused


def _magnitude(subject: Subject) -> tuple[dict[str, Overlap], Overlap | None]:
    """Compare the masks with the largest weights, if the file still has the values of pruned weights."""
    layers = [entry for entry in subject.layers if entry.masked and entry.weight is not None]
    pruned_are_there = any(_values_of_pruned(entry).any() for entry in layers)
    finite = all(np.isfinite(entry.weight).all() for entry in layers if entry.weight is not None)
    if not pruned_are_there or not finite:
        return {}, None
    masks = {entry.layer.name: entry.mask for entry in layers}
    scores = {entry.layer.name: np.abs(entry.weight) for entry in layers if entry.weight is not None}
    return overlap(masks, select(scores, {name: int(mask.sum()) for name, mask in masks.items()}))


def _values_of_pruned(entry: AuditedLayer) -> np.ndarray:
    return np.zeros(0) if entry.weight is None else entry.weight[~entry.mask]


def _layer(
    entry: AuditedLayer,
    paths: Connectivity | None,
    costs: dict[str, tuple[int, int]],
    expected: dict[str, int],
    magnitude: dict[str, Overlap],
) -> LayerMeasures:
    name, mask, weight = entry.layer.name, entry.mask, entry.weight
    kept = int(mask.sum())
    has_both = entry.masked and weight is not None
    kept_zeros = int(np.count_nonzero(weight[mask] == 0)) if has_both and weight is not None else 0
    alive = int(np.count_nonzero(_values_of_pruned(entry))) if has_both else 0
    rows = entry.rows
    sparse, dense = costs.get(name, (None, None))
    return LayerMeasures(
        name=name,
        kind=entry.layer.kind,
        shape=entry.layer.shape,
        size=entry.layer.size,
        masked=entry.masked,
        kept=kept,
        expected=expected,
        units=len(rows),
        empty_units=int((~rows.reshape(len(rows), -1).any(axis=1)).sum()),
        effective=paths.effective[name] if paths else None,
        dead_units=paths.dead_units[name] if paths else None,
        violations=0 if entry.applied else alive,
        kept_zeros=kept_zeros,
        not_finite=0 if weight is None else int(np.count_nonzero(~np.isfinite(weight))),
        soft=entry.soft,
        inverted=alive > 0 and 0 < kept == kept_zeros,
        orphan=entry.orphan,
        pattern=pattern_of(rows),
        magnitude=magnitude.get(name),
        multiply_adds=sparse,
        dense_multiply_adds=dense,
        parts=_parts(name, rows),
    )


def _parts(name: str, rows: np.ndarray) -> tuple[Part, ...]:
    if not name.endswith(PACKED) or len(rows) % len(PARTS):
        return ()
    blocks = np.split(rows, len(PARTS))
    return tuple(
        Part(f"{name} ({part})", int(block.sum()), len(block))
        for part, block in zip(PARTS, blocks, strict=True)
    )


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
