"""How networks are trained: the recipe, typed and checked."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from prunepipe.validation import EVALUATE, Strict, as_tuple


class Augmentation(Strict):
    """How training images are varied, anew for every image and epoch."""

    crop_padding: int = Field(
        0, ge=0, le=256, description="random crop after zero padding by this many pixels"
    )
    flip: bool = Field(False, description="random horizontal flip")


CURVE_POINTS = 20
"""Test accuracies of a run unless the study says otherwise: as many as a curve needs to show its course."""


class Recipe(Strict):
    """How the dense network and every ticket are trained (SGD with step drops of the rate)."""

    epochs: int = Field(gt=0, le=100_000, description="passes over the training set")
    learning_rate: float = Field(gt=0, le=1e25, description="at the start")
    milestones: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = Field(
        (), description="epochs after which the learning rate is multiplied by gamma, ascending"
    )
    gamma: float = Field(0.1, gt=0, lt=1, description="factor of each drop")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum (not Nesterov)")
    weight_decay: float = Field(1e-4, ge=0, le=1000, description="L2 penalty on every parameter")
    batch_size: int = Field(
        64, gt=1, le=1_000_000, description="images a step; the last partial batch is kept"
    )
    augmentation: Augmentation = Field(Augmentation(), description="how training images are varied")
    evaluate: Annotated[str, Field(pattern=EVALUATE)] | None = Field(
        None,
        description="when the test accuracy is measured: every epoch, last, or every K (epochs), and always after the "
        f"last; default: evenly, at most {CURVE_POINTS} times, which is what the curves need",
    )

    def evaluates_after(self, epoch: int) -> bool:
        """Return whether the test accuracy is measured after an epoch, counted from 1."""
        if epoch == self.epochs or self.evaluate == "every epoch":
            return True
        if self.evaluate == "last":
            return False
        every = (
            int(self.evaluate.removeprefix("every ")) if self.evaluate else -(-self.epochs // CURVE_POINTS)
        )
        return epoch % every == 0

    def evaluations(self, first_epoch: int = 0) -> int:
        """Return how often a run that starts after `first_epoch` epochs measures the test accuracy."""
        return sum(self.evaluates_after(epoch) for epoch in range(first_epoch + 1, self.epochs + 1))

    @model_validator(mode="after")
    def _drops_within_training(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones {list(self.milestones)} must ascend without repeats")
        if self.milestones and not 0 < self.milestones[0] <= self.milestones[-1] < self.epochs:
            raise ValueError(
                f"milestones {list(self.milestones)} must lie between 1 and epochs - 1 = {self.epochs - 1}"
            )
        return self
