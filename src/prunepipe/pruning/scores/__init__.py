"""Scores: which weights are worth keeping; `pruning.allocations` decides how many weights a layer keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prunepipe.pruning.options import Options
from prunepipe.pruning.scores.options import FromFileOptions, GraspOptions, ObdOptions, RedrawOptions

Reads = Literal["none", "balanced", "training_set"]
"""The images that a score receives: one blank image, a few per class, or the whole training set."""


@dataclass(frozen=True)
class ScoreRow:
    """Describes a score before it is loaded.

    Attributes:
        function: "module:function"; see `prunepipe.pruning.scores.contract` for the signature.
        options: model of its keyword arguments; None if unknown, in which case they are checked when it is called.
        reads: the images that it receives.
        rounds: default rounds of iterative pruning; 1 is one-shot.
        signed: whether scores may be negative.
        dtype: type of the scores that it returns; asked: the type that its option `dtype` says.
    """

    function: str
    options: type[Options] | None = None
    reads: Reads = "balanced"
    rounds: int = 1
    signed: bool = False
    dtype: Literal["float32", "float64", "asked"] = "float64"


SCORES: dict[str, ScoreRow] = {
    "magnitude": ScoreRow(
        "prunepipe.pruning.scores.magnitude:magnitude", Options, reads="none", dtype="float32"
    ),
    "random": ScoreRow("prunepipe.pruning.scores.random:random", Options, reads="none"),
    "snip": ScoreRow("prunepipe.pruning.scores.snip:snip", RedrawOptions, dtype="asked"),
    "grasp": ScoreRow("prunepipe.pruning.scores.grasp:grasp", GraspOptions, signed=True, dtype="asked"),
    "obd": ScoreRow("prunepipe.pruning.scores.obd:obd", ObdOptions, reads="training_set"),
    "synflow": ScoreRow("prunepipe.pruning.scores.synflow:synflow", Options, reads="none", rounds=100),
}
"""The built-in scores; a study also takes "module:function" and the rows that packages register."""

MASKS: dict[str, ScoreRow] = {
    "from_file": ScoreRow(
        "prunepipe.pruning.scores.from_file:from_file", FromFileOptions, reads="none", dtype="float32"
    ),
}
"""What a ticket names in place of a score if its mask exists already; with the allocation `constructed`."""
