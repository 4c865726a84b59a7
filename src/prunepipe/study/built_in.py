"""The built-in tickets and checks, each a row of choices; a study picks rows or adds its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal, NamedTuple

from prunepipe.datasets.corruptions import REFERENCE_BATCH

NO_CHECK = "none"
"""Name of the check that changes nothing: the reference of all others."""


def _row(scored: str, score: str, allocation: str, start: str, **others: Any) -> dict[str, Any]:
    return {"scored": scored, "score": score, "allocation": allocation, "start": start, **others}


CYCLES = {"share": 0.2}
REFERENCE_GRASP = {"redraw_linear": True}
"""The reference's default."""

TICKETS: dict[str, dict[str, Any]] = {
    "lottery": _row("final", "magnitude", "global_conv", "init"),
    "snip": _row("init", "snip", "global", "init"),
    "grasp": _row("init", "grasp", "global", "init", score_options=REFERENCE_GRASP),
    "random": _row("init", "random", "smart", "init"),
    "obd": _row("final", "obd", "global", "final"),
    "random_uniform": _row("init", "random", "uniform", "init"),
    "learning_rate_rewinding": _row("final", "magnitude", "global_conv", "final"),
    "hybrid": _row("final", "magnitude", "smart", "final"),
    "random_cost_matched": _row("init", "random", "smart", "init", schedule="match lottery"),
    "magnitude_at_init": _row("init", "magnitude", "global", "init"),
    "synflow": _row("init", "synflow", "global", "init"),
    "random_global": _row("init", "random", "global", "init"),
    "erk": _row("init", "random", "erk", "init"),
    "lamp": _row("final", "magnitude", "lamp", "final"),
    "gmp": _row("init", "magnitude", "uniform_all", "init", updater="gmp"),
    "set": _row("init", "random", "erk", "init", updater="set"),
    "rigl": _row("init", "random", "erk", "init", updater="rigl"),
    "imp": _row("final", "magnitude", "global_conv", "init", cycles=CYCLES),
    "imp_late_rewinding": _row(
        "final", "magnitude", "global_conv", "epoch 1", schedule="remaining", cycles=CYCLES
    ),
    "imp_lr_rewinding": _row("final", "magnitude", "global_conv", "final", cycles=CYCLES),
}
"""The built-in tickets: weights scored, score, allocation, start weights, and further choices."""

Stage = Literal["none", "data", "score", "mask", "weights"]
"""What a check changes: nothing, the data that the mask is made from, the scores, the mask, or the start weights."""

KINDS = ("initial", "partially trained")
"""The two kinds of tickets: those that start from initial weights, and all others."""


class Reading(NamedTuple):
    """What a verdict on a check says about the method.

    Attributes:
        part: what a method must use to be sane, and what `uses` under this check shows; None: a diagnostic.
        uses: what follows from `uses`.
        ignores: how `ignores` may be read.
        veto: whether the check destroys all of its part, so that `ignores` makes a method not sane.
    """

    part: str | None
    uses: str
    ignores: str
    veto: bool = False


@dataclass(frozen=True)
class CheckRow:
    """Describes a check before it is loaded.

    Attributes:
        stage: the stage that it changes.
        function: "module:function".
        readings: by the kind of ticket, what its verdicts say; for other kinds the check is a diagnostic.
        battery: whether `prunepipe judge` runs it.
        share: for a data check: the share of the training images that it keeps.
        batch: for a data check: size of the whole batches in which it keeps images; 1: any number of images.
        shuffle: for a data check: whether training shuffles the images in every epoch.
        inverts: for a score check: whether it reverses the ranking, so that scores may be negative.
        redraws: for a weights check: whether it receives a second, independent draw of the initial weights.
    """

    stage: Stage
    function: str
    readings: Mapping[str, Reading] = field(default_factory=dict)
    battery: bool = False
    share: float = 1.0
    batch: int = 1
    shuffle: bool = True
    inverts: bool = False
    redraws: bool = True

    def images_left(self, images: int) -> int:
        """Return how many of the given number of training images it keeps."""
        return int(images * self.share) // self.batch * self.batch

    def class_images_left(self, images: int) -> int:
        """Return how many of the given number of images of a class it keeps, if that is known."""
        return ceil(images * self.share) if self.batch == 1 else images


_CORRUPTIONS, _CHECKS = "prunepipe.datasets.corruptions:", "prunepipe.pruning.checks:"
_INITIAL, _PARTIAL = KINDS
DATA = "the data"
_CONNECTIONS, _WEIGHTS = "the exact connections", "which weight sits where"
_CHOICE_USES_DATA = Reading(DATA, "its choice uses the data", "its choice does not use the data", veto=True)
_USES_DATA = Reading(DATA, "it uses the data", "it does not use the data", veto=True)
_USES_CONNECTIONS = Reading(
    _CONNECTIONS, "it uses the exact connections", "it does not use the exact connections", veto=True
)
_USES_WEIGHTS = Reading(
    _WEIGHTS, "it uses which weight sits where", "it does not use which weight sits where", veto=True
)
_NEEDS_DATA = Reading(DATA, "it uses more than half of the data", "half of the data is enough")
_HALF = {_INITIAL: _NEEDS_DATA._replace(part=None), _PARTIAL: _NEEDS_DATA}

CHECKS: dict[str, CheckRow] = {
    NO_CHECK: CheckRow("none", ""),
    "random_labels": CheckRow("data", _CORRUPTIONS + "random_labels"),
    "random_pixels": CheckRow("data", _CORRUPTIONS + "random_pixels"),
    "corrupted_data": CheckRow(
        "data",
        _CORRUPTIONS + "corrupted_data",
        {_INITIAL: _CHOICE_USES_DATA, _PARTIAL: _USES_DATA},
        battery=True,
    ),
    "half_dataset": CheckRow("data", _CORRUPTIONS + "half_dataset", _HALF, battery=True, share=0.5),
    "first_half": CheckRow(
        "data", _CORRUPTIONS + "first_half", _HALF, share=0.5, batch=REFERENCE_BATCH, shuffle=False
    ),
    "rearrange": CheckRow(
        "mask", _CHECKS + "rearrange", dict.fromkeys(KINDS, _USES_CONNECTIONS), battery=True
    ),
    "shuffle_weights": CheckRow(
        "weights", _CHECKS + "shuffle_weights", {_PARTIAL: _USES_WEIGHTS}, battery=True, redraws=False
    ),
    "reinit": CheckRow("weights", _CHECKS + "reinit", battery=True),
    "invert": CheckRow("score", _CHECKS + "invert", battery=True, inverts=True),
}
"""The built-in checks, by the name that a study lists.

A sane method uses the data and the exact connections, so destroying either must hurt (Su et al. 2020).
Shuffled weights count only for tickets that start from trained weights: shuffling initial weights destroys nothing.
Half of a data set tells how much data is needed, not whether any is used; where it hurts, data was used.
All other checks are diagnostics: random_labels and random_pixels destroy one part of the data, which a method
may rightly ignore; reinit and invert ask other questions. They get a verdict, but do not count here.
"""


def checks_of_stage(stage: Stage) -> dict[str, CheckRow]:
    """Return the built-in checks that change a stage."""
    return {name: row for name, row in CHECKS.items() if row.stage == stage}


TABLES = ("initial_checks", "partial_checks", "random", "hybrid", "prune_ratios")
"""The paper's tables, in its order."""
