"""The last screen of a run: what the study says, where its report is, and why jobs failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunepipe.cli.logged_run import WATCHED
from prunepipe.cli.shown import wrapped
from prunepipe.results.failures import Failure, failures_of
from prunepipe.results.places import partial_place

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress
    from prunepipe.study.loading import Site
    from prunepipe.study.study import Study

MOST_CAUSES = 8
"""Causes of failures that are shown; the rest is in the log."""


def last_screen(
    study: str,
    place: str,
    progress: StudyProgress,
    failed: Sequence[Failure],
    log: Path,
    *,
    judged: bool = True,
    partial: bool = False,
) -> str:
    """Return the last screen of a run as text, answers first, failures last; write the page of all studies.

    Args:
        study: name of the study.
        place: folder of its tables and report.
        progress: the state of its runs.
        failed: why jobs failed.
        log: file of Snakemake's output.
        judged: whether the run was to make the verdicts; otherwise those that exist may be older than the runs.
        partial: whether the run was to make the tables of what is finished.
    """
    some = f", {progress.failed} failed" if progress.failed else ""
    lines = [f"Study {study}: {progress.done} of {progress.total} runs done{some}"]
    if partial or (judged and not failed):
        lines += [*conclusions(Path(partial_place(place) if partial else place)), *_all_studies()]
    elif judged:
        lines.append(f"Tables and report of what is finished: prunepipe run partial --study {study}")
    return "\n".join([*lines, *failure_lines(failed, log)])


def conclusions(results: Path) -> list[str]:
    """Return the answers of a study in a few lines, and where to read more; empty if it was not judged yet.

    Args:
        results: folder of report.html and tables/.
    """
    from prunepipe.cli.verdict import answer_text, csv_rows
    from prunepipe.errors import ArtifactError

    try:
        methods = csv_rows(results / "tables" / "methods.csv")
    except ArtifactError:
        return []
    report = results / "report.html"
    pages = [f"Report: {report}"] if report.is_file() else []
    pages.append(f"Every verdict with its reason: prunepipe verdict {results}")
    return [*answer_text(results), *_summaries(methods), *pages]


def _all_studies() -> list[str]:
    """Write the page that links all reports, and return the line that says where it is."""
    from prunepipe.reports.all_studies import write_page

    page = write_page(Path())
    return [f"All studies: {page}"] if page else []


def _summaries(methods: Sequence[dict[str, str]]) -> list[str]:
    """Return one line for each word that sums up a method, with the methods that it applies to."""
    named: dict[str, list[str]] = {}
    for row in methods:
        named.setdefault(row["summary"], []).append(row["ticket"])
    return [
        line
        for word, tickets in named.items()
        for line in wrapped(f"{word.capitalize()}: {', '.join(tickets)}")
    ]


def failure_lines(failed: Sequence[Failure], log: Path) -> list[str]:
    """Return each cause of failed jobs once, with how many jobs it stopped and the log of the first.

    Args:
        failed: from `failures`.
        log: the log of the whole run, for the causes that are not shown.
    """
    if not failed:
        return []
    jobs = sum(failure.jobs for failure in failed)
    count = f"{jobs} job{'s' * (jobs != 1)}"
    lines = [f"{count} failed; after the fix, the same command repeats only these and what waits for them:"]
    for failure in failed[:MOST_CAUSES]:
        times = f" ({failure.jobs} times)" if failure.jobs > 1 else ""
        lines.append(f"error: {failure.rule}{times}: {failure.cause}")
        lines += [f"  {failure.log}"] if failure.log else []
    hidden = len(failed) - MOST_CAUSES
    return [*lines, *([f"{hidden} more causes: {log}"] if hidden > 0 else [])]


def print_last_screen(workflow: Any, logs: Sequence[str], site: Site, study: Study, place: str) -> None:
    """Print the last screen of a workflow that the user started with plain `snakemake`.

    Args:
        workflow: Snakemake's, whose jobs say what was asked for.
        logs: Snakemake's log files.
        site, study: what it ran.
        place: folder of the study's tables and report.
    """
    if not workflow.is_main_process or os.environ.get(WATCHED):
        return
    from prunepipe.results.watching import study_progress
    from prunepipe.stages.upstream import upstream_of

    file = Path(next(iter(logs), os.devnull))
    failed = failures_of(workflow.scheduler.failed)
    rules = {job.rule.name for job in workflow.dag.jobs}
    progress = study_progress(study, upstream=upstream_of(study, site.prepared))
    asked = {"judged": "verdicts" in rules, "partial": "partial" in rules}
    print(last_screen(study.name, place, progress, failed, file, **asked), file=sys.stderr)
