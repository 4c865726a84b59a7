"""A ticket: one pruning method as a row of choices."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from prunepipe.errors import ConfigError
from prunepipe.pruning.allocations import AllocationRow
from prunepipe.pruning.options import Options, checked
from prunepipe.pruning.scores import Reads, ScoreRow
from prunepipe.pruning.scores.options import FromFileOptions
from prunepipe.pruning.updaters import UpdaterRow
from prunepipe.pruning.updaters.densities import DensitySchedule
from prunepipe.study.built_in import CheckRow
from prunepipe.study.cycles import Cycles, as_cycles
from prunepipe.study.names import allocation_row, score_row, updater_row
from prunepipe.study.rows import MOST, unique
from prunepipe.validation import FILE_POINT, MATCH, SCHEDULE, Name, Point, Strict, as_tuple

ROW_OF: dict[str, Callable[[str], Any]] = {
    "score": score_row,
    "allocation": allocation_row,
    "updater": updater_row,
}
"""How to find the row of a name, by the key of a ticket that holds the name."""

GIVEN = "generator"
"""The keyword argument that the pipeline passes to every score."""


class Ticket(Strict):
    """One pruning method: weights scored, score, allocation, start weights, schedule."""

    scored: Point = Field(
        description="the weights that are scored: init, final, or epoch K of the dense run; or file PATH, your own"
    )
    score: str = Field(description="a built-in score or module:function")
    score_options: dict[str, Any] = Field({}, description="keyword arguments of the score")
    allocation: str = Field(description="a built-in allocation or module:function")
    allocation_options: dict[str, Any] = Field({}, description="keyword arguments of the allocation")
    start: Point = Field(description="the weights that retraining starts from")
    schedule: Annotated[str, Field(pattern=SCHEDULE)] = Field(
        "full",
        description="full: all epochs, from the initial learning rate; remaining: only the epochs after `start`; match "
        "TICKET: as many epochs as that ticket and all trainings before it take together, with a schedule stretched to "
        "that length",
    )
    reads: Reads | None = Field(
        None,
        description="images that the score reads: none (one blank image), balanced (some per class, see "
        "scoring), training_set; default: the built-in score's own, balanced for others",
    )
    per_prune_ratio: bool = Field(
        False,
        description="score separately for every prune ratio, so that the score can ask for density or kept_total. "
        "Always so with allocation constructed, for which the score returns the mask itself",
    )
    rounds: int | None = Field(
        None, gt=0, le=10_000, description="rounds of iterative pruning; default: the score's own, usually 1"
    )
    missing: Literal["refuse", "keep"] = Field(
        "refuse",
        description="weights that the score leaves out: refuse, or keep them all (with allocation global or "
        "constructed)",
    )
    zeros: Literal["refuse", "removed"] = Field(
        "refuse",
        description="zeros in a network that the score returns: refuse, or removed, which makes them the mask",
    )
    cycles: Annotated[Cycles | None, BeforeValidator(as_cycles)] = Field(
        None,
        description="iterative pruning: train, prune, rewind to `start`, and again: {share: 0.2}, or a list of "
        "densities; default: the weights are pruned at once",
    )
    updater: str | None = Field(
        None,
        description="moves the mask while the scored weights are trained: a built-in updater or module:function; the "
        "ticket is the mask that it ends with. Default: the mask does not move",
    )
    updater_options: dict[str, Any] = Field({}, description="keyword arguments of the updater")
    every: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="training steps between two updates of the mask; default: the updater's own",
    )
    until: float | None = Field(
        None,
        gt=0,
        description="share of the training steps after which the mask stays; default: the updater's own",
    )
    density_schedule: DensitySchedule | None = Field(
        None,
        description="weights that a moving mask keeps: constant, or cubic, from all of them down to those wanted; "
        "default: the updater's own",
    )
    refresh_batch_norm: Annotated[tuple[Literal["scoring", "evaluation"], ...], BeforeValidator(as_tuple)] = (
        Field(
            (),
            description="when BatchNorm's running statistics are computed again in one pass over the training images: "
            "before scoring, before evaluation (ahead of retraining and after it), or both; default: never",
        )
    )
    checks: Annotated[tuple[Name, ...], BeforeValidator(as_tuple)] | None = Field(
        None, description="checks of this ticket, in place of those of its class"
    )

    _unique_checks = field_validator("checks", "refresh_batch_norm")(unique)

    @field_validator("score", "allocation", "updater")
    @classmethod
    def _known(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None:
            ROW_OF[str(info.field_name)](name)
        return name

    @model_validator(mode="after")
    def _rounds_fit(self) -> Self:
        rounds = self.pruning_rounds
        if self.constructive and rounds > 1:
            raise ValueError(
                f"rounds is {rounds}, but with allocation {self.allocation} the score returns the mask itself; "
                + ("leave rounds out" if self.rounds else f"score {self.score} returns none, choose another")
            )
        if self.score_facts.signed and not self.allocation_facts.takes_signed:
            raise ValueError(
                f"allocation {self.allocation} takes no scores below 0, and {self.score} has some; choose another"
            )
        return self

    @model_validator(mode="after")
    def _cycles_fit(self) -> Self:
        if self.cycles is None:
            return self
        if self.scored != "final":
            raise ValueError(
                f"scored is {self.scored}, but every cycle prunes the network that it trained; say scored: final"
            )
        if self.pruning_rounds > 1:
            raise ValueError(
                f"rounds is {self.pruning_rounds}, but every cycle prunes once; leave rounds out"
            )
        if self.constructive or not self.allocation_facts.reads_scores:
            raise ValueError(
                f"allocation {self.allocation} does not rank what is left, as cycles must; take global, global_conv or "
                "lamp"
            )
        return self

    @model_validator(mode="after")
    def _match_fits(self) -> Self:
        if self.matched and (self.cycles or self.updater):
            found = "cycles train" if self.cycles else "an updater trains"
            raise ValueError(
                f"schedule is '{self.schedule}', but {found} on the way to the mask; say full or remaining"
            )
        return self

    @field_validator("until")
    @classmethod
    def _until_within_the_run(cls, until: float | None) -> float | None:
        if until is not None and until > 1:
            raise ValueError(
                f"{until} is beyond the end of the training; it is a share of its steps: say 1 or less"
            )
        return until

    @model_validator(mode="after")
    def _moving_fits(self) -> Self:
        if self.updater is None:
            for key in ("updater_options", "every", "until", "density_schedule"):
                if getattr(self, key):
                    raise ValueError(
                        f"{key} is for a ticket with an updater; leave it out, or name an updater"
                    )
            return self
        if self.cycles is not None:
            raise ValueError("cycles and an updater are two ways to find a mask; leave one of them out")
        if self.start not in ("init", "final"):
            raise ValueError(
                f"start is {self.start}, but a moving mask is found in a training of its own; say init, or final for "
                "the weights that it ends with"
            )
        if self.constructive:
            raise ValueError(
                f"allocation {self.allocation} counts weights up to rounding, but a moving mask keeps exact counts; "
                "choose another"
            )
        _require_options("updater", self.updater, self.updater_facts.options, self.updater_options)
        return self

    @model_validator(mode="after")
    def _answer_fits(self) -> Self:
        if self.missing == "keep" and not self.allocation_facts.keeps_missing:
            raise ValueError(
                f"missing: keep leaves whole layers unpruned, but allocation {self.allocation} gives each its share; "
                "take global or constructed, or score every layer"
            )
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        _require_options(
            "allocation", self.allocation, self.allocation_facts.options, self.allocation_options
        )
        options = _require_options("score", self.score, self.score_facts.options, self.score_options)
        why = options and options.refusal_of_rounds(self.pruning_rounds)
        if why:
            raise ValueError(f"rounds is {self.pruning_rounds}, but {why}")
        return self

    @property
    def score_facts(self) -> ScoreRow:
        """The row of its score."""
        return score_row(self.score)

    @property
    def allocation_facts(self) -> AllocationRow:
        """The row of its allocation."""
        return allocation_row(self.allocation)

    @property
    def updater_facts(self) -> UpdaterRow:
        """The row of its updater, with its own choices filled in; only for a ticket that has one."""
        row = updater_row(str(self.updater))
        return replace(
            row,
            every=self.every or row.every,
            until=self.until or row.until,
            densities=self.density_schedule or row.densities,
        )

    @property
    def starts_dense(self) -> bool:
        """Whether a moving mask starts with all weights; otherwise it starts as the ticket's scores say."""
        return self.updater is not None and self.updater_facts.densities != "constant"

    @property
    def points(self) -> tuple[str, ...]:
        """The points whose weights it reads; `final` of a moving mask is its own training's end, and none of them."""
        ends_alone = self.updater is not None and self.start == "final"
        return (self.scored,) if ends_alone else (self.scored, self.start)

    @property
    def dense_points(self) -> tuple[str, ...]:
        """Those of its points that the dense run passes."""
        return tuple(point for point in self.points if not point.startswith(FILE_POINT))

    @property
    def files(self) -> dict[str, str]:
        """The paths of the user's own masks and weights that it reads, by key."""
        named = {"scored": self.scored, "start": self.start}
        files = {
            key: point.removeprefix(FILE_POINT)
            for key, point in named.items()
            if point.startswith(FILE_POINT)
        }
        mask = self.mask_file
        return {**files, "score_options.file": mask} if mask else files

    @property
    def mask_file(self) -> str | None:
        """The path of the user's own mask, which its score returns; None for any other score."""
        return str(self.score_options["file"]) if self.score_facts.options is FromFileOptions else None

    @property
    def constructive(self) -> bool:
        """Whether its score returns the mask itself."""
        return self.allocation_facts.constructive

    @property
    def pruning_rounds(self) -> int:
        """Number of rounds of iterative pruning: its own, or the score's default."""
        return self.rounds or self.score_facts.rounds

    @property
    def reading(self) -> Reads:
        """The images that its score reads: its own choice, or the score's."""
        return self.reads or self.score_facts.reads

    def refusal(self, check: CheckRow) -> str | None:
        """Return why a check of the scores would be meaningless for this ticket, or None if it is meaningful."""
        if self.constructive:
            return f"allocation {self.allocation} has none: its score returns the mask itself"
        if self.updater:
            return "its mask moves after it was scored"
        if self.cycles:
            return "only the last of its cycles would be affected, and that one ranks the remaining weights again"
        rounds = self.pruning_rounds
        if rounds > 1:
            return f"only the last of {rounds} rounds would be affected, and that one ranks the remaining weights again"
        if check.inverts and self.missing == "keep":
            return "missing: keep has no opposite: what the score leaves out would go first"
        if check.inverts and not self.allocation_facts.takes_signed:
            return f"allocation {self.allocation} takes no scores below 0"
        return None

    @property
    def matched(self) -> str | None:
        """The ticket whose cost its training matches, or None."""
        return self.schedule.removeprefix(MATCH) if self.schedule.startswith(MATCH) else None

    @property
    def initial(self) -> bool:
        """Whether it is what the paper calls an initial ticket: it starts from initial weights."""
        return self.start == "init"

    @property
    def needs_dense_run(self) -> bool:
        """Whether its mask or its start weights come from a dense run."""
        return not set(self.dense_points) <= {"init"}


def _require_options(
    kind: str, name: str, model: type[Options] | None, options: Mapping[str, Any]
) -> Options | None:
    """Validate the options of a score or allocation; a function without a model accepts any plain values.

    Raises:
        ValueError: the message names key, value and what is allowed.
    """
    for option, value in options.items():
        if option == GIVEN:
            raise ValueError(f"{kind}_options.{option}: the pipeline gives it, from the seed; leave it out")
        _require_plain(f"{kind}_options.{option}", value)
    if model is None:
        return None
    if options and not model.model_fields:
        raise ValueError(
            f"{kind}_options.{next(iter(options))}: {kind} {name} takes no options; leave them out."
        )
    try:
        return checked(model, f"{kind}_options.", options)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _require_plain(key: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{key} is {str(value)[:40]!r} ({type(value).__name__}); options are finite numbers, text, true, false, "
            "null, and lists or mappings of these"
        ) from error
