"""Find which jobs failed, from Snakemake's log or its scheduler, and why, from their own logs: each cause once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunepipe.results.logs import complaint

ERROR = re.compile(r"^Error in rule (\w+)\b")
FIELD = re.compile(r"^    (output|log): (.+)$")
HINT = re.compile(r" \(check log file\(s\) for error (?:details|message)\)$")
NO_CAUSE = "ended without saying why"


@dataclass(frozen=True)
class Failure:
    """Jobs that failed for one reason.

    Attributes:
        rule: rule of the first of these jobs.
        cause: why they failed, in one line.
        log: log file of the first of them; empty if it has none.
        jobs: how many there are.
    """

    rule: str
    cause: str
    log: str
    jobs: int = 1


def failures(text: str, root: Path = Path()) -> list[Failure]:
    """Return why jobs of a workflow failed, in order of appearance.

    Args:
        text: what Snakemake wrote to its log or to the terminal.
        root: folder that Snakemake ran in.
    Returns:
        One entry per cause. Jobs that succeeded when they were tried again are not among them.
    """
    return _causes(_failed_jobs(text), root)


def failures_of(jobs: Iterable[Any]) -> list[Failure]:
    """Return why jobs failed; unlike a log, a scheduler knows them under `--quiet all`, too.

    Args:
        jobs: Snakemake's jobs and groups of jobs, in any order.
    """
    single = [one for job in jobs for one in (job.jobs if job.is_group() else [job])]
    told = [(one.rule.name, tuple(map(str, one.output)), str(next(iter(one.log), ""))) for one in single]
    return _causes(sorted(told, key=lambda job: job[2]), Path())


def _causes(jobs: Iterable[tuple[str, tuple[str, ...], str]], root: Path) -> list[Failure]:
    """Return each cause once, given rule, outputs and log of the jobs that failed."""
    found: dict[str, Failure] = {}
    seen = set()
    for rule, outputs, log in jobs:
        if (rule, log, outputs) in seen or _was_made_later(outputs, root):
            continue
        seen.add((rule, log, outputs))
        cause = _cause(root / log) if log else NO_CAUSE
        first = found.get(cause, Failure(rule, cause, log, 0))
        found[cause] = Failure(first.rule, cause, first.log, first.jobs + 1)
    return list(found.values())


def _failed_jobs(text: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield rule, outputs and log of each failed job."""
    rule, fields = "", dict[str, str]()
    for line in text.splitlines():
        start, field = ERROR.match(line), FIELD.match(line)
        if start or (rule and not line.startswith("    ")):
            if rule:
                yield rule, _listed(fields.get("output", "")), HINT.sub("", fields.get("log", ""))
            rule, fields = start[1] if start else "", {}
        elif rule and field:
            fields.setdefault(field[1], field[2])
    if rule:
        yield rule, _listed(fields.get("output", "")), HINT.sub("", fields.get("log", ""))


def _listed(files: str) -> tuple[str, ...]:
    return tuple(filter(None, files.split(", ")))


def _was_made_later(outputs: tuple[str, ...], root: Path) -> bool:
    return bool(outputs) and all((root / output).exists() for output in outputs)


def _cause(log: Path) -> str:
    try:
        told = complaint(log)
    except OSError:
        told = ""
    return told.removeprefix("error: ") or NO_CAUSE
