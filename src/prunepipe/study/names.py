"""Find the row of a name in a study: built in, registered by a package, or the user's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol, TypeVar, get_args

from prunepipe.datasets.rows import DATASETS, DatasetRow
from prunepipe.errors import ConfigError, unknown_name
from prunepipe.networks import NETWORKS, NetworkRow
from prunepipe.networks.torchvision_names import TORCHVISION_MODELS
from prunepipe.plugins import load, registered
from prunepipe.pruning.allocations import ALLOCATIONS, AllocationRow
from prunepipe.pruning.scores import MASKS, SCORES, ScoreRow
from prunepipe.pruning.updaters import UPDATERS, UpdaterRow
from prunepipe.study.built_in import CheckRow, Stage, checks_of_stage

OWN = re.compile(r"[^:]+:[A-Za-z_][A-Za-z0-9_]*")
"""The user's own function: package.module:function or file.py:function."""
TORCHVISION = "torchvision:"


class _Function(Protocol):
    @property
    def function(self) -> str: ...


Row = TypeVar("Row", bound=_Function)


def score_row(name: str) -> ScoreRow:
    """Return the row of a score; for "module:function", a row with only the function.

    Raises:
        ValueError: the name is neither built in, nor registered by a package, nor a reference.
    """
    return _row("score", name, {**SCORES, **MASKS}, ScoreRow)


def allocation_row(name: str) -> AllocationRow:
    """Return the row of an allocation: see `score_row`."""
    return _row("allocation", name, ALLOCATIONS, AllocationRow)


def updater_row(name: str) -> UpdaterRow:
    """Return the row of a mask updater: see `score_row`."""
    return _row("updater", name, UPDATERS, UpdaterRow)


def dataset_row(name: str) -> DatasetRow:
    """Return the row of a data set: see `score_row`."""
    return _row("data set", name, DATASETS, DatasetRow)


def network_row(name: str) -> NetworkRow:
    """Return the row of a network: see `score_row`; torchvision:MODEL is one of torchvision's."""
    if not name.startswith(TORCHVISION):
        return _row("network", name, NETWORKS, NetworkRow)
    model = name.removeprefix(TORCHVISION)
    if model not in TORCHVISION_MODELS:
        raise ValueError(unknown_name("torchvision model", model, TORCHVISION_MODELS))
    return NetworkRow(f"prunepipe.networks.torchvision_models:{model}", label=model)


def check_row(stage: Stage, name: str) -> CheckRow:
    """Return the row of a check of a stage: see `score_row`."""
    row = _row(f"{stage} check", name, checks_of_stage(stage), lambda function: CheckRow(stage, function))
    if row.stage != stage:
        raise ValueError(f"check '{name}' changes {row.stage}, not {stage}")
    return row


def _row(kind: str, name: str, built_in: Mapping[str, Row], of_function: Callable[[str], Row]) -> Row:
    if ":" in name:
        if not OWN.fullmatch(name):
            raise ValueError(f"'{name}' is not of the form package.module:function or file.py:function.")
        return next((row for row in built_in.values() if row.function == name), None) or of_function(name)
    if name in built_in:
        return built_in[name]
    found: Row | None = registered_row(kind, name)
    if found is None:
        raise ValueError(
            unknown_name(kind, name, {*built_in, *registered_names(kind)})
            + " Your own: package.module:function or file.py:function."
        )
    return found


def registered_names(kind: str) -> set[str]:
    """Return the names that installed packages register for a kind, as "score" or "mask check"."""
    stage = kind.removesuffix("check").strip()
    names = registered(_group(kind))
    return {name.rpartition(".")[2] for name in names if name.partition(".")[0] in (stage, name) or not stage}


@cache
def registered_row(kind: str, name: str) -> Any:
    """Return the row of a name that an installed package registers, or None.

    Its entry point names either a function or a row. Only rows, written in capitals as constants are, are loaded:
    planning must not import a package's functions, and torch with them.

    Args:
        kind: "score", "allocation", "network", "data set", "check", or a check of one stage, as "mask check".
        name: the name in the study.
    Raises:
        ConfigError: the row cannot be loaded.
    """
    group = _group(kind)
    entries = registered(group)
    entry = next((entry for entry in entries if entry.rpartition(".")[2] == name), None)
    if entry is None:
        return None
    reference = entries[entry]
    row_type = ROW_TYPES[group]
    found = load(reference) if reference.rpartition(":")[2].isupper() else None
    if isinstance(found, row_type):
        return found
    if group != "check":
        return row_type(reference)
    stage = entry.partition(".")[0]
    if stage not in get_args(Stage):
        raise ConfigError(
            f"entry point '{entry}' of prunepipe.checks: must be stage.name, or name a CheckRow."
        )
    return row_type(stage, reference)


def _group(kind: str) -> str:
    return "check" if kind.endswith("check") else kind


ROW_TYPES: dict[str, type[Any]] = {
    "score": ScoreRow,
    "allocation": AllocationRow,
    "updater": UpdaterRow,
    "network": NetworkRow,
    "data set": DatasetRow,
    "check": CheckRow,
}
"""The row type of each kind of function that packages register."""
