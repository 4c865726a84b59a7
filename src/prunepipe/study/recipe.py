"""The recipe for training networks, typed and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from prunepipe.errors import unknown_name
from prunepipe.study import schedules
from prunepipe.validation import EVALUATE, Strict, as_tuple


class Augmentation(Strict):
    """How training images are varied; drawn again for every image and epoch."""

    crop_padding: int = Field(
        0, ge=0, le=256, description="random crop after zero padding by this many pixels"
    )
    flip: bool = Field(False, description="random horizontal flip")
    cutout: int = Field(
        0, ge=0, le=10_000, description="side in pixels of a square set to the mean colour, at a random place"
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=100,
        description="average each image and label with another, by a share from Beta(mixup, mixup)",
    )
    cutmix: float = Field(
        0.0,
        ge=0,
        le=100,
        description="paste a rectangle of another image into each, of an area share from Beta(cutmix, cutmix); labels "
        "are averaged by area",
    )

    @property
    def unmixed(self) -> Augmentation:
        """The same for each image on its own, as scores read them."""
        return self.model_copy(update={"mixup": 0.0, "cutmix": 0.0})

    @model_validator(mode="after")
    def _one_mixture(self) -> Self:
        if self.mixup and self.cutmix:
            raise ValueError(
                f"mixup = {self.mixup:g} and cutmix = {self.cutmix:g} cannot be combined; leave one out"
            )
        return self


@dataclass(frozen=True)
class OptimizerRow:
    """Describes an optimizer.

    Attributes:
        function: "module:function", called with the parameters by name and the constants; see `training.optimizers`.
        constants: the keys of the recipe that it reads, and their defaults.
    """

    function: str
    constants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ScheduleRow:
    """Describes a schedule of the learning rate.

    Attributes:
        function: called with the learning rate, the epoch, the first epoch after warm-up, the number of epochs and the
            constants.
        constants: the keys of the recipe that it reads, and their defaults.
    """

    function: Callable[..., float]
    constants: Mapping[str, Any] = field(default_factory=dict)


OPTIMIZERS = {
    "sgd": OptimizerRow(
        "prunepipe.training.optimizers:Sgd", {"momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}
    ),
    "adamw": OptimizerRow(
        "prunepipe.training.optimizers:AdamW",
        {"betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.01},
    ),
    "adam": OptimizerRow(
        "prunepipe.training.optimizers:Adam", {"betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.0}
    ),
}
"""The optimizers, named and defined as in torch; a new one is one class and one row (and its keys, below)."""

SCHEDULES = {
    "step": ScheduleRow(schedules.step, {"milestones": (), "gamma": 0.1}),
    "cosine": ScheduleRow(schedules.cosine, {"final_learning_rate": 0.0}),
    "linear": ScheduleRow(schedules.linear, {"final_learning_rate": 0.0}),
    "constant": ScheduleRow(schedules.constant),
}
"""The schedules; a new one is one function and one row (and its keys, below)."""

CHOICES: dict[str, Mapping[str, OptimizerRow | ScheduleRow]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
"""The keys of a recipe that name a row of a table; the constants of that row are keys of the recipe as well."""


def _default(key: str) -> str:
    """Return the default of a constant for each of its rows, as text for the description of its key."""
    rows = {name: row for table in CHOICES.values() for name, row in table.items() if key in row.constants}
    owners: dict[str, list[str]] = {}
    for name, row in rows.items():
        owners.setdefault(_shown(row.constants[key]), []).append(name)
    return ", ".join(f"{value} for {' and '.join(names)}" for value, names in owners.items())


def _shown(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value).lower()


CURVE_POINTS = 20
"""Default number of times that a run measures the test accuracy, enough to draw a curve."""


class Recipe(Strict):
    """How the dense network and every ticket are trained; keys of another optimizer or schedule are errors."""

    epochs: int = Field(gt=0, le=100_000, description="passes over the training set")
    learning_rate: float = Field(gt=0, le=1e25, description="at the start, or after the warm-up")
    optimizer: str = Field("sgd", json_schema_extra={"enum": list(OPTIMIZERS)}, description="the optimizer")
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description=f"share of the previous step that is kept; default: {_default('momentum')}",
    )
    nesterov: bool | None = Field(None, description=f"Nesterov's momentum; default: {_default('nesterov')}")
    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] | None,
        BeforeValidator(as_tuple),
    ] = Field(
        None,
        description=f"decay rates of the mean gradient and the mean square; default: {_default('betas')}",
    )
    epsilon: float | None = Field(
        None, gt=0, le=1, description=f"added to the root of the mean square; default: {_default('epsilon')}"
    )
    weight_decay: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="of every parameter: an L2 penalty (sgd, adam), or decoupled from the gradient (adamw); "
        f"default: {_default('weight_decay')}",
    )
    schedule: str = Field(
        "step",
        json_schema_extra={"enum": list(SCHEDULES)},
        description="of the learning rate, which depends on the epoch alone",
    )
    milestones: Annotated[tuple[int, ...] | None, BeforeValidator(as_tuple)] = Field(
        None,
        description="epochs after which the learning rate is multiplied by gamma, ascending; "
        f"default: {_default('milestones')}",
    )
    gamma: float | None = Field(
        None, gt=0, lt=1, description=f"factor of each drop; default: {_default('gamma')}"
    )
    final_learning_rate: float | None = Field(
        None, ge=0, description=f"at the end of the run; default: {_default('final_learning_rate')}"
    )
    warmup_epochs: int = Field(
        0,
        ge=0,
        description="number of epochs in which the learning rate rises to its full value in equal steps",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label that is spread over all classes, in training only"
    )
    clip_gradient_norm: float | None = Field(
        None,
        gt=0,
        le=1e25,
        description="largest norm of the gradient, without pruned weights; default: no limit",
    )
    batch_size: int = Field(
        64,
        gt=1,
        le=1_000_000,
        description="images per step; a smaller last batch is kept, but a few last images join the batch before it",
    )
    augmentation: Augmentation = Field(Augmentation(), description="how training images are varied")
    evaluate: Annotated[str, Field(pattern=EVALUATE)] | None = Field(
        None,
        description="when the test accuracy is measured: every epoch, last, or every K (epochs); always after the "
        f"last epoch; default: at equal intervals, at most {CURVE_POINTS} times, enough for the curves",
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

    def stretched(self, epochs: int) -> Recipe:
        """Return the same recipe for more epochs: warm-up and milestones keep their share of the run.

        Args:
            epochs: at least those of this recipe.
        """
        factor = Fraction(epochs, self.epochs)
        later = {
            "epochs": epochs,
            "warmup_epochs": round(self.warmup_epochs * factor),
            "milestones": self.milestones and tuple(round(epoch * factor) for epoch in self.milestones),
        }
        return Recipe.model_validate({**self.model_dump(), **later})

    def constants(self, choice: str) -> dict[str, Any]:
        """Return the constants of the recipe's "optimizer" or "schedule"."""
        return {key: getattr(self, key) for key in CHOICES[choice][getattr(self, choice)].constants}

    def learning_rate_of(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        first = self.warmup_epochs
        if epoch < first:
            return self.learning_rate * (epoch + 1) / (first + 1)
        schedule = SCHEDULES[self.schedule].function
        return schedule(self.learning_rate, epoch, first, self.epochs, **self.constants("schedule"))

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, values: Any) -> Any:
        """Fill in the constants of the chosen optimizer and schedule; null means the default."""
        if not isinstance(values, dict):
            return values
        filled = {key: value for key, value in values.items() if value is not None}
        for choice, table in CHOICES.items():
            row = table.get(str(filled.get(choice, cls.model_fields[choice].default)))
            filled = {**(row.constants if row else {}), **filled}
        return filled

    @field_validator("optimizer", "schedule")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        table = CHOICES[str(info.field_name)]
        if name not in table:
            raise ValueError(unknown_name(str(info.field_name), name, table))
        return name

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        for choice, table in CHOICES.items():
            chosen = getattr(self, choice)
            for key in dict.fromkeys(key for row in table.values() for key in row.constants):
                if key not in table[chosen].constants and getattr(self, key) is not None:
                    owners = " and ".join(name for name, row in table.items() if key in row.constants)
                    raise ValueError(
                        f"{key} is a key of {choice} {owners}, not of {chosen}; "
                        f"leave it out, or choose another {choice}"
                    )
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs = {self.warmup_epochs} must be below epochs = {self.epochs}")
        if self.final_learning_rate is not None and self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate = {self.final_learning_rate} must be at most "
                f"learning_rate = {self.learning_rate}"
            )
        return self

    @model_validator(mode="after")
    def _drops_within_training(self) -> Self:
        drops = list(self.milestones or ())
        if drops != sorted(set(drops)):
            raise ValueError(f"milestones {drops} must ascend without repeats")
        if drops and not 0 < drops[0] <= drops[-1] < self.epochs:
            raise ValueError(f"milestones {drops} must lie between 1 and epochs - 1 = {self.epochs - 1}")
        if drops and drops[0] <= self.warmup_epochs:
            raise ValueError(
                f"milestones {drops} must lie after the warm-up, warmup_epochs = {self.warmup_epochs}"
            )
        return self
