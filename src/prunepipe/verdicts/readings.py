"""What the verdicts on a study's checks imply, by the kind of ticket."""

from __future__ import annotations

from collections.abc import Mapping

from prunepipe.study.built_in import CHECKS, KINDS, CheckRow, Reading
from prunepipe.study.study import Study

Readings = dict[str, dict[str, Reading]]
"""By the kind of ticket and the name of the check; a check that is not listed reads as DIAGNOSTIC."""


def _readings(rows: Mapping[str, CheckRow]) -> Readings:
    return {
        kind: {name: row.readings[kind] for name, row in rows.items() if kind in row.readings}
        for kind in KINDS
    }


READINGS = _readings(CHECKS)
"""Of the built-in checks."""

DIAGNOSTIC = Reading(None, "it uses what the check destroys", "it does not use what the check destroys")


def readings_of(study: Study) -> Readings:
    """Return the readings of the built-in checks and of those that a study adds."""
    names = (name for ticket in study.tickets for name in study.checks_of(ticket))
    return _readings({**CHECKS, **{name: study.check(name) for name in names}})


def reading(check: str, kind: str, readings: Readings = READINGS) -> Reading:
    """Return what follows from the words of a check for a kind of ticket, "initial" or "partially trained"."""
    return readings[kind].get(check, DIAGNOSTIC)
