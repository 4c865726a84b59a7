"""The typed rows of a study: data set, network, check, verdict; tickets are in `prunepipe.study.ticket`."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from prunepipe.datasets.rows import ARRAY_SUFFIXES
from prunepipe.study.built_in import CheckRow
from prunepipe.study.names import check_row
from prunepipe.validation import Name, Strict, as_tuple

USUAL_LOOKS = (3, 5, 8, 12, 20)
"""Numbers of seeds for which the boundaries of sequential tests are tabulated."""

MOST = 1_000_000_000
"""An upper bound on the number of images of any data set."""


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
        None,
        description="instead of `source`, a folder of images: train/CLASS/* and test/CLASS/* (or val/CLASS/*)",
    )
    arrays: str | None = Field(
        None,
        description="instead of `source`, an .npz or .safetensors file with train_images, train_labels, test_images, "
        "test_labels",
    )
    channels: Literal[1, 3] | None = Field(
        None, description="for a folder of images: 3 reads them as RGB (the default), 1 as grey"
    )
    image_size: int | None = Field(
        None,
        gt=0,
        le=10_000,
        description="for a folder of images: resize the shorter side to this many pixels and keep the central square; "
        "default: all images have the same size",
    )
    pool: int = Field(1, ge=1, le=10_000, description="mean-pool images by this factor")
    train_images: int | None = Field(
        None, gt=0, le=MOST, description="use this many training images; default: all"
    )
    test_images: int | None = Field(
        None, gt=0, le=MOST, description="use this many test images; default: all"
    )

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
        """The user's folder of images or file of arrays; None if a loader is named."""
        return self.folder or self.arrays

    def loader(self, key: str) -> str | None:
        """Return the name of the loader for a study's key; None for the user's own files."""
        return None if self.own_files else self.source or key


class Scoring(Strict):
    """The images that a score such as SNIP or GraSP reads."""

    images_per_class: int = Field(10, gt=0, le=MOST, description="training images per class and batch")
    batches: int = Field(1, gt=0, le=MOST, description="number of batches; their gradients are summed")


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
    def patterns(self) -> dict[Any, tuple[str, ...]]:
        """The patterns that are given."""
        return {key: patterns for key, patterns in self.model_dump().items() if patterns}


class NetworkChoice(Strict):
    """Which network, and its options."""

    architecture: str | None = Field(
        None, description="a built-in name, torchvision:MODEL or module:function; default: the key"
    )
    width: float = Field(1.0, gt=0, le=16, description="multiplies the channel counts")
    scoring: Scoring | None = Field(
        None,
        description="images for scores on this network, in place of the study's",
    )
    prunable: Prunable | None = Field(
        None, description="weights that are pruned, instead of the study's choice"
    )


class Check(Strict):
    """One sanity check: it changes one stage."""

    data: str | None = Field(None, description="applied to the data that the mask is made from")
    score: str | None = Field(None, description="applied to the scores")
    mask: str | None = Field(None, description="applied to the mask")
    weights: str | None = Field(None, description="applied to the start weights")

    @model_validator(mode="after")
    def _one_known_stage(self) -> Self:
        stages = self.stages
        if len(stages) > 1:
            raise ValueError(f"a check changes one stage, got {', '.join(stages)}")
        for stage, name in stages.items():
            check_row(stage, name)
        return self

    @property
    def stages(self) -> dict[Any, str]:
        """The name of its function by the stage that it changes; empty for a check that changes nothing."""
        return self.model_dump(exclude_none=True)

    @property
    def row(self) -> CheckRow:
        """The row of its function; for a check that changes nothing, the row of `none`."""
        for stage, name in self.stages.items():
            return check_row(stage, name)
        return CheckRow("none", "")


class CheckNames(Strict):
    """Which checks apply to every ticket of a class, in addition to `none`."""

    initial: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] = Field(
        ("corrupted_data", "rearrange"), description="for tickets that start from initial weights"
    )
    partially_trained: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] = Field(
        ("half_dataset", "shuffle_weights"), description="for tickets that start from trained weights"
    )

    _unique_names = field_validator("initial", "partially_trained")(unique)


class VerdictRule(Strict):
    """How to judge effects."""

    margin: float = Field(0.5, gt=0, le=100, description="equivalence margin in points of accuracy")
    significance: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="share of studies with a wrong claim, for harm and for equivalence each",
    )
    looks: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = Field(
        USUAL_LOOKS, description="numbers of seeds after which verdicts are drawn, ascending"
    )
    positive_controls: dict[Name, Annotated[tuple[Name, ...], BeforeValidator(as_tuple)]] = Field(
        {},
        description="comparisons that must come out as `uses`, ticket: [checks]; if one does not, the study is flagged",
    )

    @field_validator("looks")
    @classmethod
    def _ascending(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if not looks or looks[0] < 3 or looks[-1] > 1000:
            raise ValueError("must be numbers of seeds from 3 to 1000, for example [3, 5, 8]")
        if list(looks) != sorted(set(looks)):
            raise ValueError(
                "must ascend, each look after more seeds than the one before, for example [3, 5, 8]"
            )
        return looks
