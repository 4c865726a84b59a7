"""How networks are trained: the recipe, typed and checked."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from prunepipe.validation import Strict, as_tuple


class Augmentation(Strict):
    """How training images are varied, anew for every image and epoch."""

    crop_padding: int = Field(
        0, ge=0, le=256, description="random crop after zero padding by this many pixels"
    )
    flip: bool = Field(False, description="random horizontal flip")


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

    @model_validator(mode="after")
    def _drops_within_training(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones {list(self.milestones)} must ascend without repeats")
        if self.milestones and not 0 < self.milestones[0] <= self.milestones[-1] < self.epochs:
            raise ValueError(
                f"milestones {list(self.milestones)} must lie between 1 and epochs - 1 = {self.epochs - 1}"
            )
        return self
