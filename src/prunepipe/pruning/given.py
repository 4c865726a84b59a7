"""Read a mask and weights from a user's file, and refuse a file whose mask cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.errors import ArtifactError, shortened
from prunepipe.networks.structure import Structure
from prunepipe.pruning.audit.subject import MASKS, ZEROS, AuditedLayer, read_named, subject_of, values_of

REMEDY = "Name the network that the file belongs to, and a data set of its images and classes."
COUNTERS = ("num_batches_tracked",)
"""Last part of the names in a network's state that are not weights; a file may lack them."""
SHOWN = 3
"""Most names that a message lists."""


@dataclass(frozen=True)
class Given:
    """A file's mask and weights.

    Attributes:
        mask: bool, True = kept, of every prunable weight of the network.
        weights: the values in the file by name, of any type and number; empty if it has masks alone.
        form: how the file encodes what is pruned; see `prunepipe.pruning.audit.subject`.
    """

    path: Path
    mask: Arrays
    weights: Arrays
    form: str

    @property
    def kept(self) -> int:
        """Number of weights that the mask keeps."""
        return sum(int(layer.sum()) for layer in self.mask.values())

    @property
    def size(self) -> int:
        """Number of weights that the mask covers."""
        return sum(layer.size for layer in self.mask.values())

    @property
    def zeros_count(self) -> bool:
        """Whether the file has no mask, so that weights that are exactly zero count as pruned."""
        return self.form == ZEROS


def read_given(path: Path, structure: Structure) -> Given:
    """Read a mask that can be judged, and the weights beside it.

    Args:
        path: a file as `prunepipe audit` reads it.
        structure: the prunable layers of the network.
    Raises:
        ArtifactError: the file cannot be read or does not fit the network; a mask is lost or not binary; a layer keeps
            no weight; nothing is pruned.
    """
    named = read_named(path)
    subject = subject_of(named, structure, remedy=REMEDY)
    for entry in subject.layers:
        _refuse_layer(path, entry)
    if all(layer.all() for layer in subject.mask.values()):
        raise ArtifactError(f"{path}: keeps every weight (prune ratio 0), so there is no mask to judge.")
    weights = {} if subject.form == MASKS else named.weights
    return Given(
        path, subject.mask, {name: values_of(value) for name, value in weights.items()}, subject.form
    )


def _refuse_layer(path: Path, entry: AuditedLayer) -> None:
    name = entry.layer.name
    if entry.orphan:
        raise ArtifactError(
            f"{path}: '{name}' has a weight_orig, but its mask is missing, so what is pruned cannot be known."
        )
    if entry.soft:
        raise ArtifactError(
            f"{path}: {entry.soft:,} values of the mask of '{name}' are neither 0 nor 1; save a binary mask."
        )
    if not entry.mask.any():
        raise ArtifactError(
            f"{path}: '{name}' keeps none of its {entry.layer.size:,} weights. Without them it cannot be rearranged, "
            "and no path may lead through it; see prunepipe audit."
        )


def start_weights(given: Given, initial: Mapping[str, np.ndarray]) -> Arrays:
    """Return the complete state that retraining starts from.

    Pruned weights that are zero in the file take their initial values, so that a rearranged mask does not start at
    zero where the file cannot tell the value.

    Args:
        given: the file.
        initial: the seed's initial weights: names, shapes and types of the network's state.
    Returns:
        The file's values, in the types of the network; counters that it lacks are the initial ones.
    Raises:
        ArtifactError: the file lacks weights, has them in another shape, or one is not finite.
    """
    _require_state(given, initial)
    state = {}
    for name, first in initial.items():
        values = _shaped(given.weights.get(name, first), first).astype(first.dtype)
        if name in given.mask:
            unknown = ~given.mask[name] & (values == 0)
            values = np.where(unknown, first, values)
        state[name] = values
    return state


def _require_state(given: Given, initial: Mapping[str, np.ndarray]) -> None:
    path, weights = given.path, given.weights
    absent = [name for name in initial if name not in weights and name.rpartition(".")[-1] not in COUNTERS]
    if absent:
        names = shortened([f"'{name}'" for name in absent], SHOWN)
        raise ArtifactError(
            f"{path}: to start from its weights, it must hold the whole network, but lacks {names}. "
            "Save the whole state_dict, or start from initial weights (--start init)."
        )
    for name, first in initial.items():
        values = _shaped(weights.get(name, first), first)
        if values.shape != first.shape:
            raise ArtifactError(
                f"{path}: '{name}' is {list(values.shape)} in the file and {list(first.shape)} in the network. {REMEDY}"
            )
        if not np.isfinite(values).all():
            raise ArtifactError(f"{path}: '{name}' has values that are not finite.")


def _shaped(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return a single number in the shape that the network's files give it: [] or [1]."""
    return values.reshape(first.shape) if values.size == first.size == 1 else values
