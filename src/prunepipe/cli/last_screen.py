"""The last screen of a run: what the study says, where its report is, and why jobs failed."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunepipe.cli.logged_run import WATCHED
from prunepipe.cli.shown import line_width
from prunepipe.results.failures import Failure, failures_of
from prunepipe.results.places import partial_place

if TYPE_CHECKING:
    from prunepipe.results.watching import StudyProgress
    from prunepipe.study.loading import Site
    from prunepipe.study.study import Study

MOST_CAUSES = 8
"""Causes of failures that are shown; the rest is in the log."""


@dataclass(frozen=True)
class Ended:
    """A run of the workflow that has ended.

    Attributes:
        study: name of the study.
        place: folder of its tables and report, relative to `root`.
        progress: how far its runs are.
        failed: why jobs failed.
        log: file of Snakemake's output.
        root: folder that holds `results/`.
        judged: whether the run was to make the verdicts; otherwise those that exist may be older than the runs.
        partial: whether the run was to make the tables of what is finished.
    """

    study: str
    place: str
    progress: StudyProgress
    failed: Sequence[Failure]
    log: Path
    root: Path = Path()
    judged: bool = True
    partial: bool = False


def last_screen(ended: Ended) -> str:
    """Return the last screen of a run as text, answers first, failures last; write the page of all studies."""
    failed, progress = ended.failed, ended.progress
    counts = f"{progress.done} of {progress.total} runs done" + f", {progress.failed} failed" * (
        progress.failed > 0
    )
    lines = [f"Study {ended.study}: {counts}"]
    if ended.partial:
        lines += [*conclusions(ended.root / partial_place(ended.place)), *_all_studies(ended.root)]
    elif ended.judged and not failed:
        lines += [*conclusions(ended.root / ended.place), *_all_studies(ended.root)]
    elif ended.judged:
        lines.append(f"Tables and report of what is finished: prunepipe run partial --study {ended.study}")
    return "\n".join([*lines, *failure_lines(failed, ended.log)])


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


def _all_studies(root: Path) -> list[str]:
    """Write the page that links all reports, and return the line that says where it is."""
    from prunepipe.reports.all_studies import write_page

    page = write_page(root)
    return [f"All studies: {page}"] if page else []


def _summaries(methods: Sequence[dict[str, str]]) -> list[str]:
    """Return one line for each word that sums up a method, with the methods that it applies to."""
    named: dict[str, list[str]] = {}
    for row in methods:
        named.setdefault(row["summary"], []).append(row["ticket"])
    return [
        line
        for word, tickets in named.items()
        for line in textwrap.wrap(
            f"{word.capitalize()}: {', '.join(tickets)}", line_width(), subsequent_indent="  "
        )
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
    lines = [
        f"{_jobs(jobs)} failed; after the fix, the same command repeats only these and what waits for them:"
    ]
    for failure in failed[:MOST_CAUSES]:
        times = f" ({failure.jobs} times)" if failure.jobs > 1 else ""
        lines += [
            f"error: {failure.rule}{times}: {failure.cause}",
            *([f"  {failure.log}"] if failure.log else []),
        ]
    hidden = len(failed) - MOST_CAUSES
    return [*lines, *([f"{hidden} more causes: {log}"] if hidden > 0 else [])]


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


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
    ended = Ended(
        study.name, place, progress, failed, file, judged="verdicts" in rules, partial="partial" in rules
    )
    print(last_screen(ended), file=sys.stderr)
