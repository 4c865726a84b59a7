"""Updaters: which weights a mask keeps while a network trains; `training.moving` calls them between steps."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from prunepipe.pruning.options import Options
from prunepipe.pruning.updaters.densities import DensitySchedule


@dataclass(frozen=True)
class UpdaterRow:
    """Describes a mask updater before it is loaded.

    Attributes:
        function: "module:function"; see `prunepipe.pruning.updaters.contract` for the signature.
        options: model of its keyword arguments; None if unknown, in which case they are checked when it is called.
        gradients: whether it reads the gradients of all weights; the step that they come from then moves the mask
            instead of the weights.
        densities: how many weights the mask keeps from update to update.
        every: default number of training steps between two updates.
        until: default share of the training steps after which the mask no longer changes.
    """

    function: str
    options: type[Options] | None = None
    gradients: bool = True
    densities: DensitySchedule = "constant"
    every: int = 100
    until: float = 0.75


class ExchangeOptions(Options):
    """Options of the updaters that exchange weights."""

    share: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="share of a layer's kept weights that an update drops and grows; rigl: at the start, decayed by a "
        "cosine",
    )


_UPDATERS = "prunepipe.pruning.updaters."

UPDATERS: dict[str, UpdaterRow] = {
    "gmp": UpdaterRow(_UPDATERS + "gmp:gmp", Options, gradients=False, densities="cubic"),
    "set": UpdaterRow(_UPDATERS + "sparse_evolution:sparse_evolution", ExchangeOptions, gradients=False),
    "rigl": UpdaterRow(_UPDATERS + "rigl:rigl", ExchangeOptions),
}
"""The built-in updaters; a study also takes "module:function" and the rows that packages register."""
