"""The tables of the paper as data: their rows (tickets under checks), in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from prunepipe.errors import ConfigError, unknown_name
from prunepipe.results.labels import row_label, ticket_label
from prunepipe.results.layout import AS_FOUND
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import FULL_NETWORK, Study
from prunepipe.study.ticket import Ticket

OTHERS = "..."
"""In an order, the place of all names that it does not list, which follow in the study's order."""

PAPER_ABLATIONS = ("linear", "cubic", "ascending", "uniform")
"""Allocations of random tickets that have a table of their own in the paper."""


class TableRow(NamedTuple):
    """One row of a table: a ticket under a check, and its label."""

    ticket: str
    check: str
    label: str


@dataclass(frozen=True)
class TableSpec:
    """Which rows a table has; the full network is always the first.

    Attributes:
        title: caption.
        belongs: whether a ticket is in the table, given its row of choices.
        tickets: order of the tickets, by name (by allocation if `by_allocation`).
        checks: order of the checks; empty: the table shows unchecked tickets only. A table with checks leaves out
            tickets that the study does not check.
        reference: a ticket that comes first, without checks, for comparison.
        by_allocation: whether labels name the allocation of a ticket.
    """

    title: str
    belongs: Callable[[Ticket], bool]
    tickets: tuple[str, ...]
    checks: tuple[str, ...] = ()
    reference: str | None = None
    by_allocation: bool = False


def _random_positions(ticket: Ticket) -> bool:
    return ticket.initial and ticket.score == "random" and ticket.matched is None


def _initial_method(ticket: Ticket) -> bool:
    return ticket.initial and not (_random_positions(ticket) and ticket.allocation in PAPER_ABLATIONS)


TABLES: dict[str, TableSpec] = {
    "initial_checks": TableSpec(
        "Sanity checks of initial tickets: test accuracy in percent.",
        lambda ticket: ticket.initial,
        tickets=("lottery", "snip", "grasp", "random", OTHERS),
        checks=(NO_CHECK, "rearrange", "corrupted_data", OTHERS),
    ),
    "partial_checks": TableSpec(
        "Sanity checks of partially trained tickets: test accuracy in percent.",
        lambda ticket: not ticket.initial,
        tickets=("learning_rate_rewinding", "hybrid", "obd", OTHERS),
        checks=(NO_CHECK, "shuffle_weights", "half_dataset", OTHERS),
        reference="lottery",
    ),
    "random": TableSpec(
        "Random tickets against initial tickets: test accuracy in percent.",
        _initial_method,
        tickets=("lottery", "snip", "grasp", "random", OTHERS),
    ),
    "hybrid": TableSpec(
        "Hybrid tickets against partially trained tickets: test accuracy in percent.",
        lambda ticket: not ticket.initial,
        tickets=("obd", "learning_rate_rewinding", "hybrid", OTHERS),
    ),
    "prune_ratios": TableSpec(
        "Random tickets with different prune ratios per layer: test accuracy in percent.",
        _random_positions,
        tickets=("smart", "linear", "cubic", "ascending", "uniform", OTHERS),
        by_allocation=True,
    ),
}


def spec_of(name: str) -> TableSpec:
    """Return the specification of a table.

    Raises:
        ConfigError: there is no such table.
    """
    if name not in TABLES:
        raise ConfigError(unknown_name("table", name, TABLES))
    return TABLES[name]


def rows_of(name: str, study: Study) -> list[TableRow]:
    """Return the rows of a table that a study has, in the table's order.

    Args:
        name: of the table.
        study: rows that it does not include are left out; its own tickets and checks follow the paper's.
    Raises:
        ConfigError: there is no such table.
    """
    spec = spec_of(name)
    rows = [TableRow(FULL_NETWORK, NO_CHECK, ticket_label(FULL_NETWORK))]
    if spec.reference in study.tickets and not spec.belongs(study.tickets[spec.reference]):
        rows.append(TableRow(spec.reference, NO_CHECK, row_label(spec.reference, NO_CHECK)))
    for ticket in _tickets_of(spec, study):
        checks = _arranged(study.checks_of(ticket), spec.checks) if spec.checks else [NO_CHECK]
        checks += [AS_FOUND] if study.tickets[ticket].updater else []
        rows += [TableRow(ticket, check, _label(spec, study, ticket, check)) for check in checks]
    return rows


def _tickets_of(spec: TableSpec, study: Study) -> list[str]:
    chosen = [name for name, ticket in study.tickets.items() if spec.belongs(ticket)]
    if spec.checks:
        chosen = [name for name in chosen if len(study.checks_of(name)) > 1]
    if not spec.by_allocation:
        return _arranged(chosen, spec.tickets)
    allocations = dict.fromkeys(study.tickets[name].allocation for name in chosen)
    return [
        name
        for allocation in _arranged(allocations, spec.tickets)
        for name in chosen
        if study.tickets[name].allocation == allocation
    ]


def _arranged(names: Iterable[str], order: tuple[str, ...]) -> list[str]:
    """Sort names by an order, in which OTHERS stands for the names that it does not list."""
    places = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: places.get(name, places[OTHERS]))


def _label(spec: TableSpec, study: Study, ticket: str, check: str) -> str:
    if not spec.by_allocation:
        return row_label(ticket, check)
    allocation = f"({study.tickets[ticket].allocation.rpartition(':')[2].replace('_', ' ')})"
    return f"{ticket_label(ticket).removesuffix(allocation).strip()} {allocation}"
