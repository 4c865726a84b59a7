"""The prunable layers of a network as plain data, so that stages that only move numbers need no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from prunepipe.artifacts import FOREIGN, mismatch, of_another_version, read_json
from prunepipe.errors import ScoreError


@dataclass(frozen=True)
class Layer:
    """Describes one prunable weight.

    Attributes:
        name: the parameter's name, for example "features.0.weight".
        kind: "conv" (convolutions of any dimension, transposed ones too) or "linear" (Linear layers, attention's
            projections, embeddings).
        shape: the weight's shape, for example (out, in / groups, height, width) or (out, in).
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        return prod(self.shape)


@dataclass(frozen=True)
class Structure:
    """Describes a network without torch.

    Attributes:
        layers: the prunable layers in `network.modules()` order.
        residual: whether paths are added anywhere; this decides the form of the smart ratio.
        followed: whether connectivity is computed from paths; if not, every kept weight counts as effective.
        unprunable: share of the weights in matrices that stay dense because their layers are of no prunable type,
            if it is so large that the user is warned; else 0.
    """

    layers: tuple[Layer, ...]
    residual: bool = False
    followed: bool = True
    unprunable: float = 0.0

    @property
    def size(self) -> int:
        """Number of prunable weights N."""
        return sum(layer.size for layer in self.layers)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every prunable weight, by parameter name."""
        return {layer.name: layer.shape for layer in self.layers}

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and dictionaries, for a JSON file."""
        return {key: value for key, value in asdict(self).items() if key != "unprunable" or value}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Structure:
        """Return the structure that `to_json` described."""
        layers = tuple(Layer(**{**entry, "shape": tuple(entry["shape"])}) for entry in data["layers"])
        return Structure(layers, data["residual"], data["followed"], data.get("unprunable", 0.0))


def check_mask(mask: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise an error if a mask does not fit weights of these names and shapes.

    Raises:
        ScoreError: a layer is missing, unknown, of another shape, or not bool.
    """
    problem = mismatch(mask, shapes)
    if problem:
        raise ScoreError(f"masks {problem}.")
    for name, layer in mask.items():
        if layer.dtype != np.bool_:
            raise ScoreError(f"mask of layer '{name}' has type {layer.dtype}, must be bool (True = kept).")


def read_structure(path: Path | str) -> Structure:
    """Read the structure of a network from the file that `initialise` wrote.

    Raises:
        ArtifactError: as `read_json`.
    """
    data = read_json(path, "layers", "residual", "followed")
    try:
        return Structure.from_json(data)
    except FOREIGN as error:
        raise of_another_version(path, str(error)[:120]) from error
