"""What a word entitles us to say: one table, from the check to the sentences that follow from it."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """What follows from the words of one check."""

    part: str | None
    """What a method must use to be sane, and what `uses` under this check shows; None: a diagnostic."""
    uses: str
    """What follows from `uses`, said of the method."""
    ignores: str
    """How `ignores` may be read, said of the method."""
    veto: bool = False
    """Whether the check destroys all of its part, so that `ignores` makes a method not sane."""


DATA, CONNECTIONS, WEIGHTS = "the data", "the exact connections", "which weight sits where"

READINGS: dict[str, dict[str, Reading]] = {
    "initial": {
        "corrupted_data": Reading(
            DATA, "its choice uses the data", "its choice does not use the data", veto=True
        ),
        "rearrange": Reading(
            CONNECTIONS, "it uses the exact connections", "it does not use the exact connections", veto=True
        ),
        "half_dataset": Reading(None, "it uses more than half of the data", "half of the data is enough"),
        "first_half": Reading(None, "it uses more than half of the data", "half of the data is enough"),
    },
    "partially trained": {
        "corrupted_data": Reading(DATA, "it uses the data", "it does not use the data", veto=True),
        "half_dataset": Reading(DATA, "it uses more than half of the data", "half of the data is enough"),
        "first_half": Reading(DATA, "it uses more than half of the data", "half of the data is enough"),
        "rearrange": Reading(
            CONNECTIONS, "it uses the exact connections", "it does not use the exact connections", veto=True
        ),
        "shuffle_weights": Reading(
            WEIGHTS, "it uses which weight sits where", "it does not use which weight sits where", veto=True
        ),
    },
}
"""By the kind of ticket. All other checks are diagnostics and read as DIAGNOSTIC.

Shuffling initial weights destroys nothing, and half of a data set tells how much data is needed, not whether any is
used (Su et al. 2020 use it; where it hurts, data was used).
"""

DIAGNOSTIC = Reading(None, "it uses what the check destroys", "it does not use what the check destroys")


def reading(check: str, kind: str) -> Reading:
    """Return what follows from the words of a check for a kind of ticket, "initial" or "partially trained"."""
    return READINGS[kind].get(check, DIAGNOSTIC)
