"""Why a method of a study has no result, as the collected results say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prunepipe.results.standing import NOT_STARTED


def not_run(ticket: str, runs: Iterable[Mapping[str, str]]) -> str | None:
    """Return why a method was not run at all, or None if any run of it is finished.

    Args:
        ticket: the method.
        runs: rows of results.csv.
    """
    own = [row for row in runs if row["ticket"] == ticket and row.get("status")]
    if not own or any(row["status"] == "done" for row in own):
        return None
    causes = [row["cause"] for row in own if row.get("cause") not in (None, "", NOT_STARTED)]
    if causes:
        return causes[0].removeprefix("error: ")
    return "its runs have not been started"
