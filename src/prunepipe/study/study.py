"""The typed study: what to run, checked before any job starts, and its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, partial
from itertools import product
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from prunepipe.errors import unknown_name
from prunepipe.study.built_in import CHECKS, NO_CHECK, TABLES, TICKETS, CheckRow
from prunepipe.study.cycles import Share
from prunepipe.study.names import dataset_row, network_row, registered_names, registered_row
from prunepipe.study.recipe import Recipe
from prunepipe.study.rows import (
    Check,
    CheckNames,
    DatasetChoice,
    NetworkChoice,
    Prunable,
    Scoring,
    VerdictRule,
    unique,
)
from prunepipe.study.ticket import Ticket
from prunepipe.validation import FILE_POINT, Name, Strict, as_tuple

FULL_NETWORK = "full_network"
"""Name of the unpruned network in the `ticket` column."""

PUBLISHED = ("tanaka2020",)
"""Published numbers that ship with the package and that a study can ask for by name."""

CLEAN = "clean"
"""Name of the data and the mask without any check."""


def check_of(data: str) -> str:
    """Return the check under which results list a dense run on a data variant."""
    return NO_CHECK if data == CLEAN else data


def _as_mapping(value: Any, key: str = "") -> dict[Any, Any]:
    """Read `[a, b]` as `{a: {}, b: {}}`, and an empty row as `{}`; `key`: the row's key for a name such as a.py:b."""
    if isinstance(value, list):
        names = tuple(str(name) for name in value)
        unique(names)
        _refuse_references(names, key)
        return {name: {} for name in names}
    if isinstance(value, dict):
        return {name: {} if row is None else row for name, row in value.items()}
    raise ValueError(f"got {str(value)[:80]!r}; it should be a list of names, or a mapping, name: options")


def _refuse_references(names: tuple[str, ...], key: str) -> None:
    """Refuse references such as torchvision:resnet18 in a list of names, where results could not be called so."""
    reference = next((name for name in names if ":" in name), None)
    if key and reference:
        own = re.sub(r"\W", "_", reference.rpartition(":")[2]) or "mine"
        raise ValueError(
            f"'{reference}' needs a name for the results; write it as a mapping: {{{own}: {{{key}: "
            f"'{reference}'}}, ...}}, with {{}} after the names of the list"
        )


def _ticket_rows(value: Any) -> Any:
    """Complete each ticket's row with the built-in row of its name."""
    rows = _as_mapping(value)
    for name, row in rows.items():
        if not row and name not in TICKETS:
            raise ValueError(unknown_name("ticket", str(name), TICKETS) + " Your own needs a row of choices.")
    return {
        name: {**_inherited(name, row), **row} if isinstance(row, dict) else row for name, row in rows.items()
    }


def _inherited(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row takes from the built-in one, without options of a score or allocation that it replaces."""
    built_in = TICKETS.get(name, {})
    kinds = ("score", "allocation", "updater")
    replaced = {f"{key}_options" for key in kinds if row.get(key) not in (None, built_in.get(key))}
    return {key: value for key, value in built_in.items() if key not in replaced}


def _named(key: str) -> BeforeValidator:
    read = partial(_as_mapping, key=key)
    return BeforeValidator(read, json_schema_input_type=list[str] | dict[str, Any])


TICKET_ROWS = BeforeValidator(_ticket_rows, json_schema_input_type=list[str] | dict[str, Any])


def _require_own_check(name: str, row: Check) -> None:
    if name in CHECKS or name == CLEAN:
        why = "stands for what no check has changed" if name == CLEAN else "is built in"
        raise ValueError(f"custom_checks.{name}: the name {why}; choose another")
    if row == Check():
        raise ValueError(
            f"custom_checks.{name}: changes nothing; name one stage and its function, for example mask: rearrange"
        )


class Cell(NamedTuple):
    """One ticket x check x prune ratio x seed on one data set and network."""

    dataset: str
    network: str
    ticket: str
    check: str
    prune_ratio: float
    seed: int


class DenseRun(NamedTuple):
    """One training of the unpruned network on one variant of the training data."""

    dataset: str
    network: str
    data: str
    seed: int


class Search(NamedTuple):
    """One training of a ticket that leads to its mask, on one variant of the training data."""

    dataset: str
    network: str
    ticket: str
    data: str
    prune_ratio: float
    seed: int


def _levels(ticket: Ticket, prune_ratios: tuple[float, ...]) -> tuple[float, ...]:
    return ticket.cycles.levels(max(prune_ratios)) if ticket.cycles else ()


class Study(Strict):
    """A set of cells: data sets x networks x tickets x checks x prune ratios x seeds."""

    name: Name = Field("study", description="name of the study; default: the file's")
    datasets: Annotated[dict[Name, DatasetChoice], _named("source")] = Field(
        min_length=1, description="data sets: a list of names, or name: options"
    )
    networks: Annotated[dict[Name, NetworkChoice], _named("architecture")] = Field(
        min_length=1, description="networks: a list of names, or name: options"
    )
    recipe: Recipe = Field(description="how to train, dense and pruned alike")
    tickets: Annotated[dict[Name, Ticket], TICKET_ROWS] = Field(
        min_length=1,
        description="tickets: a list of built-in names, or name: row (omitted keys come from the built-in row)",
    )
    checks: CheckNames = Field(CheckNames(), description="checks by class of ticket")
    custom_checks: dict[Name, Check] = Field({}, description="your own checks: name: {stage: function}")
    prune_ratios: Annotated[
        tuple[Share, ...],
        BeforeValidator(as_tuple),
    ] = Field(min_length=1, description="shares of the prunable weights to remove, each above 0 and below 1")
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**63)], ...], BeforeValidator(as_tuple)] = Field(
        min_length=1, description="seeds, each an independent repetition"
    )
    scoring: Scoring | None = Field(
        None,
        description="images for scores that read data; default: the reference's, {images_per_class: 1, batches: 10} "
        "on resnet44 and resnet56, else {images_per_class: 10, batches: 1}",
    )
    prunable: Prunable = Field(
        Prunable(), description="weights that are pruned, by name; default: all that can be"
    )
    verdict: VerdictRule = Field(VerdictRule(), description="how to judge effects")
    published: str | None = Field(
        None,
        description="published numbers to compare with: tanaka2020, or a .csv file with the columns dataset, network, "
        "prune_ratio, ticket, accuracy_mean, accuracy_std, n and perhaps check",
    )
    train_collapsed: bool = Field(
        False, description="also train tickets that have no path from input to output"
    )
    tables: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        TABLES, min_length=1, description=f"tables to build, of {', '.join(TABLES)}"
    )

    @field_validator("published")
    @classmethod
    def _published_known(cls, name: str | None) -> str | None:
        if name is not None and name not in PUBLISHED and not name.endswith(".csv"):
            raise ValueError(
                f"'{name}' is neither {' nor '.join(PUBLISHED)} nor a file whose name ends in .csv"
            )
        return name

    _unique_values = field_validator("prune_ratios", "seeds", "tables")(unique)

    @field_validator("tables")
    @classmethod
    def _tables_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in TABLES:
                raise ValueError(unknown_name("table", name, TABLES))
        return names

    @model_validator(mode="after")
    def _names_known(self) -> Self:
        for key, dataset in self.datasets.items():
            loader = dataset.loader(key)
            if loader is not None:
                dataset_row(loader)
        for key, network in self.networks.items():
            network_row(network.architecture or key)
        if FULL_NETWORK in self.tickets:
            raise ValueError(
                f"tickets.{FULL_NETWORK}: the results call the unpruned network so; choose another name"
            )
        for name, row in self.custom_checks.items():
            _require_own_check(name, row)
        for name in (*self.checks.initial, *self.checks.partially_trained):
            self.check(name)
        for name, ticket in self.tickets.items():
            self._ticket_fits(name, ticket)
        for name, checks in self.verdict.positive_controls.items():
            self._control_exists(name, checks)
        return self

    def _control_exists(self, name: str, checks: tuple[str, ...]) -> None:
        key = "verdict.positive_controls"
        if name not in self.tickets:
            raise ValueError(f"{key}: {unknown_name('ticket', name, self.tickets)}")
        for check in checks:
            if check not in self.checks_of(name)[1:]:
                raise ValueError(
                    f"{key}.{name}: the study does not run {name} under {check}; add the check to it"
                )

    def _ticket_fits(self, name: str, ticket: Ticket) -> None:
        for check in self.checks_of(name):
            row = self.check(check)
            why = ticket.refusal(row) if row.stage == "score" else None
            if why:
                raise ValueError(
                    f"tickets.{name}: check '{check}' changes scores, but {why}. "
                    f"Give the ticket its own `checks:` without {check}"
                )
        unreached = ticket.cycles and ticket.cycles.refusal(max(self.prune_ratios))
        if unreached:
            raise ValueError(f"tickets.{name}.cycles: {unreached}")
        epochs = self.epoch_of(ticket.start), self.epoch_of(ticket.scored)
        if max(epochs) > self.recipe.epochs:
            raise ValueError(
                f"tickets.{name}: epoch {max(epochs)} is beyond recipe.epochs = {self.recipe.epochs}"
            )
        self._match_exists(name, ticket)
        if ticket.schedule == "remaining" and epochs[0] == self.recipe.epochs:
            raise ValueError(
                f"tickets.{name}: schedule 'remaining' after the final epoch leaves nothing to train"
            )

    def _match_exists(self, name: str, ticket: Ticket) -> None:
        if ticket.matched is None:
            return
        known = {**TICKETS, **self.tickets}
        key = f"tickets.{name}.schedule"
        if ticket.matched not in known:
            raise ValueError(f"{key}: {unknown_name('ticket', ticket.matched, known)}")
        other = self.tickets.get(ticket.matched) or Ticket(**TICKETS[ticket.matched])
        if other.matched:
            raise ValueError(
                f"{key}: {ticket.matched} matches {other.matched} itself; say match {other.matched}"
            )

    def epoch_of(self, point: str) -> int:
        """Return the number of dense epochs behind a rewind point; none behind the user's own weights."""
        named = {"init": 0, "final": self.recipe.epochs}
        if point.startswith(FILE_POINT):
            return 0
        return named[point] if point in named else int(point.removeprefix("epoch "))

    def skipped_epochs(self, ticket: Ticket) -> int:
        """Return how many epochs of the recipe a ticket leaves out."""
        return self.epoch_of(ticket.start) if ticket.schedule == "remaining" else 0

    def dense_epochs(self, ticket: Ticket) -> int:
        """Return how many epochs of a dense run a ticket needs."""
        return max((self.epoch_of(point) for point in ticket.dense_points), default=0)

    def epochs_before(self, ticket: Ticket, prune_ratio: float) -> int:
        """Return the epochs of all trainings that lead to a ticket at a prune ratio, dense ones included."""
        levels = [level for level in _levels(ticket, self.prune_ratios) if level < prune_ratio]
        searches = len(levels) + (ticket.updater is not None)
        return self.dense_epochs(ticket) + searches * (self.recipe.epochs - self.skipped_epochs(ticket))

    def recipe_of(self, ticket: Ticket, prune_ratio: float) -> Recipe:
        """Return the recipe that a ticket is retrained with: the study's, or one as long as all of a matched ticket."""
        if not ticket.matched:
            return self.recipe
        other = self.tickets.get(ticket.matched) or Ticket(**TICKETS[ticket.matched])
        own = self.recipe.epochs - self.skipped_epochs(other)
        return self.recipe.stretched(self.epochs_before(other, prune_ratio) + own)

    def check(self, name: str) -> CheckRow:
        """Return the row of a check: the study's own, built in, or registered by a package."""
        if name in self.custom_checks:
            return self.custom_checks[name].row
        if name in CHECKS:
            return CHECKS[name]
        found: CheckRow | None = registered_row("check", name)
        if found is None:
            known = {*CHECKS, *self.custom_checks, *registered_names("check")}
            raise ValueError(unknown_name("check", name, known))
        return found

    def checks_of(self, ticket: str) -> tuple[str, ...]:
        """Return the checks of a ticket: `none` first, then its own or those of its class."""
        row = self.tickets[ticket]
        by_class = self.checks.initial if row.initial else self.checks.partially_trained
        names = by_class if row.checks is None else row.checks
        return (NO_CHECK, *(name for name in names if name != NO_CHECK))

    @property
    def published_file(self) -> str | None:
        """The user's file of published numbers; None if there is none, or if they ship with the package."""
        return None if self.published in PUBLISHED else self.published

    @cached_property
    def rewind_epochs(self) -> tuple[int, ...]:
        """Epochs within the dense run whose weights some ticket rewinds to."""
        points = {point for ticket in self.tickets.values() for point in ticket.dense_points}
        epochs = {self.epoch_of(point) for point in points if point.startswith("epoch")}
        return tuple(sorted(epochs))

    @property
    def places(self) -> list[tuple[str, str]]:
        """Every data set with every network."""
        return list(product(self.datasets, self.networks))

    def cells(self) -> Iterator[Cell]:
        """Enumerate every pruned run of the study exactly once."""
        for place, ticket in product(self.places, self.tickets):
            for (check, prune_ratio), seed in product(self.cells_of(ticket), self.seeds):
                yield Cell(*place, ticket, check, prune_ratio, seed)

    def cells_of(self, ticket: str) -> list[tuple[str, float]]:
        """Return the check and the prune ratio of a ticket's cells on one network and seed."""
        return [(check, ratio) for check in self.checks_of(ticket) for ratio in self.ratios_of(ticket, check)]

    def ratios_of(self, ticket: str, check: str = NO_CHECK) -> tuple[float, ...]:
        """Return the prune ratios of a ticket's cells: the study's; without a check, also those its cycles pass."""
        passed = self.levels_of(ticket) if check == NO_CHECK else ()
        return (*self.prune_ratios, *(level for level in passed if level not in self.prune_ratios))

    def levels_of(self, ticket: str) -> tuple[float, ...]:
        """Return the prune ratios that a ticket's cycles pass on the way to all of the study's, ascending."""
        return _levels(self.tickets[ticket], self.prune_ratios)

    def level_before(self, ticket: str, prune_ratio: float) -> float | None:
        """Return the prune ratio of the cycle before the one that ends at `prune_ratio`; None: the dense run."""
        passed = [level for level in self.levels_of(ticket) if level < prune_ratio]
        return passed[-1] if passed else None

    def searches(self) -> Iterator[Search]:
        """Enumerate the trainings that only lead to a mask; cycles on clean data are cells, and not listed here."""
        for place, ticket in product(self.places, self.tickets):
            for (data, prune_ratio), seed in product(self.searches_of(ticket), self.seeds):
                yield Search(*place, ticket, data, prune_ratio, seed)

    def searches_of(self, ticket: str) -> list[tuple[str, float]]:
        """Return the data variant and the prune ratio of a ticket's searches on one network and seed."""
        variants = dict.fromkeys(self.data_of(check) for check in self.checks_of(ticket))
        if self.tickets[ticket].updater:
            return [(data, ratio) for data in variants for ratio in self.prune_ratios]
        return [(data, level) for data in variants if data != CLEAN for level in self.levels_of(ticket)]

    def dense_runs(self) -> Iterator[DenseRun]:
        """Enumerate the dense runs that the cells share: one per data set, network, data variant and seed."""
        variants = {CLEAN: None}
        for name, ticket in self.tickets.items():
            if ticket.needs_dense_run:
                variants |= {self.data_of(check): None for check in self.checks_of(name)}
        for place, data, seed in product(self.places, variants, self.seeds):
            yield DenseRun(*place, data, seed)

    def scoring_of(self, network: str) -> Scoring:
        """Return the images for scores of a network: the network's own choice, the study's, or the reference's."""
        row = self.networks[network]
        deep = network_row(row.architecture or network).deep
        usual = Scoring(images_per_class=1, batches=10) if deep else Scoring()
        return row.scoring or self.scoring or usual

    def prunable_of(self, network: str) -> Prunable:
        """Return which weights of a network are pruned: its own choice, or the study's."""
        return self.networks[network].prunable or self.prunable

    def data_of(self, check: str) -> str:
        """Return the name of the data variant that the mask is made from under a check."""
        return check if self.check(check).stage == "data" else CLEAN
