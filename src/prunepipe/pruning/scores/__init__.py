"""Scores: what makes a weight worth keeping; how many weights a layer keeps is in `pruning.allocations`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One row of the table of scores.

    Attributes:
        reference: "module:function"; see `prunepipe.pruning.scores.contract` for the signature.
        batches: the data it reads: "none" (one blank image stands in, for scores that need its shape),
            "balanced" (a few images a class) or "training_set" (all of it).
        rounds: default rounds of iterative pruning; 1 is one-shot.
    """

    reference: str
    batches: str
    rounds: int = 1


SCORES: dict[str, Score] = {
    "magnitude": Score("prunepipe.pruning.scores.magnitude:magnitude", batches="none"),
    "random": Score("prunepipe.pruning.scores.random:random", batches="none"),
    "snip": Score("prunepipe.pruning.scores.snip:snip", batches="balanced"),
    "grasp": Score("prunepipe.pruning.scores.grasp:grasp", batches="balanced"),
    "obd": Score("prunepipe.pruning.scores.obd:obd", batches="training_set"),
    "synflow": Score("prunepipe.pruning.scores.synflow:synflow", batches="none", rounds=100),
}
