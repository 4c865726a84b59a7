"""Why a method of a study has no result: what its stages said, wherever the first of them ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from prunepipe.results.layout import PARTIAL, RUNS
from prunepipe.results.logs import complaint

NOT_STARTED = "not started"


def not_run(results: Path, ticket: str, runs: Iterable[Mapping[str, str]]) -> str | None:
    """Return why a method was not run at all, or None if any run of it is finished.

    Args:
        results: folder of results.csv.
        ticket: the method.
        runs: rows of results.csv.
    """
    own = [row for row in runs if row["ticket"] == ticket and row.get("status")]
    if not own or any(row["status"] == "done" for row in own):
        return None
    causes = [row["cause"] for row in own if row.get("cause") not in (None, "", NOT_STARTED)]
    if causes:
        return causes[0].removeprefix("error: ")
    return _complaint_before_the_runs(results, own[0]["study"], ticket) or "its runs have not been started"


def _complaint_before_the_runs(results: Path, study: str, ticket: str) -> str:
    """Return what the stages said that several runs share: the masks of the ticket, then its scores.

    Scores lie under a name of their own, since tickets may share them; a ticket without masks lacks its scores.
    """
    root = results.parents[1] if results.match(PARTIAL) else results.parent
    networks = root.joinpath(RUNS, study).glob("*/*")
    logs = [path for network in networks for path in _shared_logs(network, ticket)]
    told = [complaint(log) for log in logs]
    return next((text.removeprefix("error: ") for text in told if text), "")


def _shared_logs(network: Path, ticket: str) -> list[Path]:
    masks = sorted(network.glob(f"masks/{ticket}/**/mask.log"))
    return [*masks, *sorted(network.glob("scores/**/score.log")), *sorted(network.glob("initial/**/*.log"))]
