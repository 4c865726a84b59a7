"""Find out why a method of a study has no result, from the logs of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from prunepipe.results.layout import PARTIAL, RUNS
from prunepipe.results.logs import complaint

NOT_STARTED = "not started"


def not_run(results: Path, ticket: str, runs: Iterable[Mapping[str, str]]) -> str | None:
    """Return why no run of a method is finished, or None if one is.

    Args:
        results: the folder of results.csv.
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
    """Return the log messages of the stages that several runs share: the ticket's masks, then its scores.

    Scores are stored under their own name, since tickets may share them; a ticket without masks lacks its scores.
    """
    root = results.parents[1] if results.match(PARTIAL) else results.parent
    networks = root.joinpath(RUNS, study).glob("*/*")
    logs = [path for network in networks for path in _shared_logs(network, ticket)]
    told = [complaint(log) for log in logs]
    return next((text.removeprefix("error: ") for text in told if text), "")


def _shared_logs(network: Path, ticket: str) -> list[Path]:
    masks = sorted(network.glob(f"masks/{ticket}/**/mask.log"))
    return [*masks, *sorted(network.glob("scores/**/score.log")), *sorted(network.glob("initial/**/*.log"))]
