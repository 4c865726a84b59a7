"""Read and write the collected tables that tables and figures are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from prunepipe.artifacts import atomic_path
from prunepipe.errors import ArtifactError, remake
from prunepipe.networks.structure import Structure, read_structure
from prunepipe.results.layout import structure_path
from prunepipe.study.study import Study


@dataclass(frozen=True)
class Collected:
    """The results of a study so far.

    Attributes:
        results: one row per run, see prunepipe.results.table.COLUMNS.
        layers: one row per ticket and layer.
        histories: one row per run and epoch.
        overlap: one row per pair of masks, see prunepipe.results.mask_overlap.COLUMNS.
        structures: structures of the networks, by (data set, network).
    """

    results: pd.DataFrame
    layers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["run", "layer"]))
    histories: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["run", "epoch"]))
    overlap: pd.DataFrame = field(default_factory=pd.DataFrame)
    structures: Mapping[tuple[str, str], Structure] = field(default_factory=dict)


TEXT_COLUMNS = (
    "study", "dataset", "network", "ticket", "check", "layer", "kind", "source", "other_source",
    "device", "precision", "version", "code", "data_checksum", "start", "status", "cause", "note", "run",
)  # fmt: skip
"""Columns of any frame that hold names, checksums or sentences: guessing their type would misread
names made of digits. A new text column must be added here."""


def write_frame(path: Path | str, frame: pd.DataFrame) -> None:
    """Write a frame as .csv, atomically; numbers keep all digits."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_frame(path: Path | str) -> pd.DataFrame:
    """Read what `write_frame` wrote.

    Args:
        path: a .csv file.
    Returns:
        The frame; empty fields are NaN, and names and checksums stay text: the check "none", "NA", "02", "1e5", "inf".
    Raises:
        ArtifactError: the file is missing, truncated or not a table.
    """
    text = dict.fromkeys(TEXT_COLUMNS, str)
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False, dtype=text)
    except (OSError, ValueError) as error:
        reason = "no such file" if not Path(path).exists() else f"not a table ({str(error)[:120]})"
        raise ArtifactError(f"{path}: {reason}. {remake(path)}") from error


def read_collected(
    study: Study,
    results: Path | str,
    *,
    layers: Path | str | None = None,
    histories: Path | str | None = None,
    overlap: Path | str | None = None,
    root: Path = Path(),
) -> Collected:
    """Read the tables that a figure needs; the others stay empty.

    Args:
        study: the collected study.
        results, layers, histories, overlap: paths of the .csv files.
        root: folder that holds `results/`; if `layers` is given, the structures are read, too.
    Raises:
        ArtifactError: a file is missing or invalid.
    """
    asked = {"layers": layers, "histories": histories, "overlap": overlap}
    frames = {name: read_frame(path) for name, path in asked.items() if path is not None}
    places = study.places if layers is not None else ()
    structures = {place: read_structure(root / structure_path(study, *place)) for place in places}
    return Collected(read_frame(results), **frames, structures=structures)
