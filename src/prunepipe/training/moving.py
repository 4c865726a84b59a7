"""A mask that moves during training: when it is updated, how many weights it then keeps, and the update itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from torch import Tensor

from prunepipe.errors import TrainingError
from prunepipe.pruning.updaters.contract import Allocate
from prunepipe.pruning.updaters.enforcing import Updater
from prunepipe.seeds import torch_generator
from prunepipe.training.step import TrainingStep


@dataclass(frozen=True)
class MovingMask:
    """When and how a mask moves; the mask itself is part of the training step and of the checkpoint.

    Attributes:
        updater: returns the mask after each update.
        every: training steps between two updates.
        steps: the last training step at which the mask may move.
        kept_at: progress from 0 to 1, the share of the updates made -> number of weights to keep.
        allocate: the ticket's allocation, for updaters that ask for it.
        seed: of the run; with the step it decides the updater's random numbers.
    """

    updater: Updater
    every: int
    steps: int
    kept_at: Callable[[Fraction], int]
    allocate: Allocate
    seed: int

    def __post_init__(self) -> None:
        """Refuse a mask that never moves."""
        if self.every > self.steps:
            raise TrainingError(
                f"the mask would never move: updates come every {self.every} steps, but only until step {self.steps}; "
                "lower the ticket's `every`, raise its `until`, or train longer."
            )

    @property
    def last(self) -> int:
        """The training step of the last update."""
        return self.steps // self.every * self.every

    def due(self, taken: int) -> bool:
        """Return whether a training step, counted from 1, updates the mask."""
        return taken <= self.steps and taken % self.every == 0

    def take(
        self,
        step: TrainingStep,
        usual: Callable[[Tensor, Tensor, float], None],
        images: Tensor,
        labels: Tensor,
        learning_rate: float,
        taken: int,
    ) -> None:
        """Take a training step and move the mask; if the updater reads gradients, only the mask moves.

        Args:
            step: holds weights and mask.
            usual: takes an ordinary training step.
            images, labels: of the batch.
            learning_rate: of the step.
            taken: number of the step, counted from 1.
        Raises:
            ScoreError: the updater violates its contract.
            TrainingError: training diverged.
        """
        gradients = step.gradients(images, labels) if self.updater.gradients else None
        if gradients is None:
            usual(images, labels, learning_rate)
        if not isfinite(step.loss.item()):
            raise TrainingError(
                f"training diverged before step {taken}, at which the mask moves; lower recipe.learning_rate."
            )
        kept = self.updater(
            step.masked_weights(),
            gradients,
            step.kept(),
            step=taken,
            steps=self.steps,
            kept=self.kept_at(Fraction(taken, self.last)),
            generator=torch_generator(self.seed, "update", taken),
            allocate=self.allocate,
        )
        step.move_mask(kept)
