"""The rows that a study is made of: data set, network, ticket, check; typed and checked."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.checks import SCORE_CHECKS
from prunepipe.pruning.scores import SCORES
from prunepipe.study.names import SCORE_REFERENCES, STAGE_CHECKS, resolve
from prunepipe.study.options import require_options
from prunepipe.study.recipe import Strict, as_tuple

ARRAY_SUFFIXES = (".npz", ".safetensors")

MOST = 1_000_000_000
"""More images than this no data set has."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_]{0,79}$"
NAME_WORDS = "letters, digits and _, at most 80, and begin with a letter or digit"
POINT = r"^(init|final|epoch [1-9][0-9]{0,5})$"
POINT_WORDS = "a rewind point of the dense run: init, final, or epoch K"

Name = Annotated[str, Field(pattern=NAME, description=NAME_WORDS)]
Point = Annotated[str, Field(pattern=POINT, description=POINT_WORDS)]


def unique(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Refuse an entry that is listed twice."""
    for position, value in enumerate(values or ()):
        if value in (values or ())[:position]:
            raise ValueError(f"{value} is listed twice; list it once")
    return values


class DatasetChoice(Strict):
    """Which data set, and how much of it."""

    source: str | None = Field(None, description="a built-in name or module:function; default: the key")
    folder: str | None = Field(
        None, description="a folder of images instead: train/CLASS/* and test/CLASS/* (or val/CLASS/*)"
    )
    arrays: str | None = Field(
        None,
        description="an .npz or .safetensors file instead: train_images, train_labels, test_images, test_labels",
    )
    channels: Literal[1, 3] | None = Field(
        None, description="of a folder of images: 3 reads them as RGB (the default), 1 as grey"
    )
    image_size: int | None = Field(
        None,
        gt=0,
        le=10_000,
        description="of a folder of images: bring the shorter side to this many pixels and keep the middle square; "
        "default: images are all of one size",
    )
    pool: int = Field(1, ge=1, le=10_000, description="mean-pool images by this factor")
    train_images: int | None = Field(
        None, gt=0, le=MOST, description="use this many training images; default all"
    )
    test_images: int | None = Field(None, gt=0, le=MOST, description="use this many test images; default all")

    @field_validator("folder", "arrays")
    @classmethod
    def _from_home(cls, path: str | None) -> str | None:
        return path and os.path.normpath(os.path.expanduser(path))

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("source", "folder", "arrays") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"a data set comes from one place, got {' and '.join(given)}; give one of them")
        if self.arrays is not None and not self.arrays.endswith(ARRAY_SUFFIXES):
            raise ValueError(f"arrays: '{self.arrays}' must end in {' or '.join(ARRAY_SUFFIXES)}")
        for key in ("channels", "image_size"):
            if getattr(self, key) is not None and self.folder is None:
                raise ValueError(f"{key} is for a folder of images; leave it out, or give `folder`")
        return self

    @property
    def own_files(self) -> str | None:
        """The user's folder of images or file of arrays; None where a loader is named."""
        return self.folder or self.arrays

    def loader(self, key: str) -> str | None:
        """Return the name of the loader that a study's key stands for; None for the user's own files."""
        return None if self.own_files else self.source or key


DEEP = ("resnet44", "resnet56")
"""Networks of more than 32 layers, whose scores the reference takes from many small batches."""


class Scoring(Strict):
    """The images that a score such as SNIP or GraSP reads."""

    images_per_class: int = Field(10, gt=0, le=MOST, description="training images per class and batch")
    batches: int = Field(1, gt=0, le=MOST, description="batches; their gradients are summed")


class Prunable(Strict):
    """Which weights are pruned, by patterns of their names or their layers' ("conv1", "*.head")."""

    include: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (), description="prune these alone; default: every convolution, Linear layer and attention projection"
    )
    exclude: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (), description="of those, leave these dense"
    )

    _unique_patterns = field_validator("include", "exclude")(unique)

    @property
    def patterns(self) -> dict[str, tuple[str, ...]]:
        """The patterns that are given."""
        return {key: patterns for key, patterns in self if patterns}


class NetworkChoice(Strict):
    """Which network, and its options."""

    architecture: str | None = Field(
        None, description="a built-in name, torchvision:MODEL or module:function; default: the key"
    )
    width: float = Field(1.0, gt=0, le=16, description="multiplies the channel counts")
    scoring: Scoring | None = Field(
        None,
        description="images for scores on this network, instead of the study's",
    )
    prunable: Prunable | None = Field(
        None, description="weights that are pruned, instead of the study's choice"
    )


class Ticket(Strict):
    """One pruning method: weights scored, score, allocation, start weights, schedule."""

    scored: Point = Field(description="weights that are scored: init, final, or epoch K of the dense run")
    score: str = Field(description="a built-in score or module:function")
    score_options: dict[str, Any] = Field({}, description="keyword arguments of the score")
    allocation: str = Field(description="a built-in allocation or module:function")
    allocation_options: dict[str, Any] = Field({}, description="keyword arguments of the allocation")
    start: Point = Field(description="weights that retraining starts from")
    schedule: Literal["full", "remaining"] = Field(
        "full", description="full: all epochs from the first rate; remaining: the epochs after `start`"
    )
    reads: Literal["none", "balanced", "training_set"] | None = Field(
        None,
        description="images that the score reads: none (one blank image), balanced (some of each class, see "
        "scoring), training_set; default: the built-in score's own, balanced for others",
    )
    per_prune_ratio: bool = Field(
        False,
        description="score anew for every prune ratio; a score that asks for density or kept_total is told. "
        "Always so with allocation constructed, where the score returns the mask itself",
    )
    rounds: int | None = Field(
        None, gt=0, le=10_000, description="pruning rounds; default: the score's own, mostly 1"
    )
    missing: Literal["refuse", "keep"] = Field(
        "refuse",
        description="weights that the score says nothing about: refuse, or keep them all (with allocation global or "
        "constructed)",
    )
    zeros: Literal["refuse", "removed"] = Field(
        "refuse",
        description="zeros of a network that the score returns: refuse, or removed, which makes them its mask",
    )
    checks: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] | None = Field(
        None, description="checks of this ticket, instead of those of its class"
    )

    _unique_checks = field_validator("checks")(unique)

    @field_validator("score")
    @classmethod
    def _score_known(cls, name: str) -> str:
        resolve("score", name, SCORE_REFERENCES)
        return name

    @field_validator("allocation")
    @classmethod
    def _allocation_known(cls, name: str) -> str:
        resolve("allocation", name, ALLOCATIONS)
        return name

    @model_validator(mode="after")
    def _rounds_fit(self) -> Self:
        rounds = self.pruning_rounds
        if self.constructive and rounds > 1:
            raise ValueError(
                f"rounds is {rounds}, but with allocation constructed the score returns the mask itself; "
                + ("leave rounds out" if self.rounds else f"score {self.score} returns none, choose another")
            )
        grasp = SCORE_REFERENCES.get(self.score, self.score) == SCORE_REFERENCES["grasp"]
        if grasp and self._allocates_by("lamp"):
            raise ValueError("allocation lamp takes no scores below 0, and grasp has some; choose another")
        if grasp and rounds > 1 and self.score_options.get("redraw_linear"):
            raise ValueError(
                f"rounds is {rounds}, but score_options.redraw_linear would bring pruned weights back in each; "
                "set it to false or leave rounds out"
            )
        return self

    @model_validator(mode="after")
    def _answer_fits(self) -> Self:
        if self.missing == "keep" and not (self.constructive or self._allocates_by("global")):
            raise ValueError(
                f"missing: keep leaves whole layers unpruned, but allocation {self.allocation} gives each its share; "
                "take global or constructed, or score every layer"
            )
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for kind, name, known, options in (
            ("score", self.score, SCORE_REFERENCES, self.score_options),
            ("allocation", self.allocation, ALLOCATIONS, self.allocation_options),
        ):
            require_options(kind, name, resolve(kind, name, known), options)
        return self

    @property
    def constructive(self) -> bool:
        """Whether its score returns the mask itself."""
        return self._allocates_by("constructed")

    @property
    def pruning_rounds(self) -> int:
        """Rounds of iterative pruning: its own, or the score's default."""
        return self.rounds or (SCORES[self.score].rounds if self.score in SCORES else 1)

    @property
    def reading(self) -> str:
        """The images that its score reads: its own choice, or the built-in score's."""
        return self.reads or (SCORES[self.score].batches if self.score in SCORES else "balanced")

    def _allocates_by(self, name: str) -> bool:
        return ALLOCATIONS.get(self.allocation, self.allocation) == ALLOCATIONS[name]

    def refusal(self, score_check: str) -> str | None:
        """Return why a check of the scores would say nothing about this ticket, or None if it would.

        Args:
            score_check: a built-in name or a reference.
        """
        if self.constructive:
            return "allocation constructed has none: its score returns the mask itself"
        rounds = self.pruning_rounds
        if rounds > 1:
            return f"of {rounds} rounds only the last would see it, which ranks what is left anew"
        inverts = SCORE_CHECKS.get(score_check, score_check) == SCORE_CHECKS["invert"]
        if inverts and self.missing == "keep":
            return "missing: keep has no opposite: what the score leaves out would go first"
        return "allocation lamp takes no scores below 0" if inverts and self._allocates_by("lamp") else None

    @property
    def initial(self) -> bool:
        """Whether it is an initial ticket (starts from initial weights), in the paper's words."""
        return self.start == "init"

    @property
    def needs_dense_run(self) -> bool:
        """Whether its mask or its start weights come from a dense run."""
        return (self.scored, self.start) != ("init", "init")


class Check(Strict):
    """One sanity check: it changes one stage."""

    data: str | None = Field(None, description="data behind the mask")
    score: str | None = Field(None, description="applied to the scores")
    mask: str | None = Field(None, description="applied to the mask")
    weights: str | None = Field(None, description="applied to the start weights")

    @model_validator(mode="after")
    def _one_known_stage(self) -> Self:
        stages = [(stage, name) for stage, name in self if name is not None]
        if len(stages) > 1:
            raise ValueError(f"a check changes one stage, got {', '.join(stage for stage, _ in stages)}")
        for stage, name in stages:
            resolve(f"{stage} check", name, STAGE_CHECKS[stage])
        return self


class CheckNames(Strict):
    """Which checks every ticket of a class goes through, beside `none`."""

    initial: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] = Field(
        ("corrupted_data", "rearrange"), description="for tickets that start from initial weights"
    )
    partially_trained: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] = Field(
        ("half_dataset", "shuffle_weights"), description="for tickets that start from trained weights"
    )

    _unique_names = field_validator("initial", "partially_trained")(unique)


class VerdictRule(Strict):
    """How effects are judged."""

    margin: float = Field(0.5, gt=0, le=100, description="equivalence margin in points of accuracy")
    significance: float = Field(
        0.05, gt=0, lt=0.5, description="level of every test, after Holm's correction"
    )
