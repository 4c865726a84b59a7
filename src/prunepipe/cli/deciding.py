"""Run a study look by look, and of each look only the runs that open tests need, until every test is decided."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from prunepipe.cli.decision_table import View, decision_rows
from prunepipe.cli.logged_run import STOPPING, News, logged_run, run_on_screen
from prunepipe.cli.screen import PlainLines, Screen
from prunepipe.cli.workflow import snakemake_command
from prunepipe.errors import ConfigError
from prunepipe.execution.workflow_lock import require_free
from prunepipe.planning.next_look import TEST, Key, next_look, require_a_look, seed_folders
from prunepipe.planning.pace import Pace
from prunepipe.planning.wanted import FILES, RULE, write_wanted
from prunepipe.results.layout import Run
from prunepipe.results.standing import DONE, FAILED, RUNNING, Standings
from prunepipe.results.table import collect
from prunepipe.results.watching import duration
from prunepipe.stages.upstream import upstream_of
from prunepipe.study.study import Study
from prunepipe.verdicts.judge import verdicts_of
from prunepipe.verdicts.open_tests import open_tests
from prunepipe.verdicts.record import changes, first_looked_at


@dataclass(frozen=True)
class Work:
    """A study to decide, and how to run it.

    Attributes:
        study: what is tested.
        file: of the study, an absolute path.
        folder: holds `results/`.
        log: of Snakemake's output.
        cores: jobs to run in parallel.
        site: `key=value` of config.yaml.
        prepared: folder of the prepared data sets.
        focus: the ticket to judge, if it is one: it is compared with random tickets too, and the work ends once none of
            its tests can go on, and no positive control's.
    """

    study: Study
    file: Path
    folder: Path
    log: Path
    cores: int
    site: Sequence[str]
    prepared: Path | str
    focus: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """Return Snakemake's command for targets and options."""
        # A folder is locked by prunepipe.execution.workflow_lock; Snakemake's own lock outlives a kill -9.
        options = "--cores", str(self.cores), "--nolock"
        return snakemake_command(self.file, self.folder, *arguments, *options, site=self.site)


def dry_run(work: Work) -> int:
    """Show what Snakemake would run for the next look, and return its exit status."""
    course = _Course(work, PlainLines(sys.stdout), None)
    course.look()
    course.list_runs()
    return run_on_screen(work.command(RULE, "--dry-run", "--quiet", "host", "rules", "reason"))


@dataclass(frozen=True)
class Ending:
    """How the work on a study ended.

    Attributes:
        reason: one of DECIDED, JUDGED, SPENT, INTERRUPTED, FAILED_TO_START.
        view: the last state.
        failed: number of failed jobs.
        told: their error messages, each once.
        seconds: estimated duration of the next look; None: unknown.
        made, planned: number of finished runs of the study, and of all that it lists.
    """

    reason: str
    view: View
    failed: int
    told: list[str]
    seconds: float | None
    made: int
    planned: int


DECIDED = "decided"
"""Nothing is left to run: each test is decided, at its last look, or waits for a run that failed."""
JUDGED = "judged"
"""Every test of the judged method is decided or at its last look, and every positive control; other tests are open."""
SPENT, INTERRUPTED = "budget", "interrupted"
FAILED_TO_START = "failed"
"""The workflow ended without any job, as it does where the configuration has a mistake."""


def decide(work: Work, screen: Screen, *, budget: float | None = None) -> Ending:
    """Run a study until every test is decided, at its last look, or the budget is spent.

    Finished runs are not repeated: after an interruption, the same call continues.

    Args:
        work: the study, and how to run it.
        screen: shows the state of the tests.
        budget: seconds; default: unlimited.

    Raises:
        ConfigError: no look can be reached, results were judged by other looks or seeds, or another workflow is running
            in the folder.
    """
    require_a_look(work.study)
    require_free(work.folder)
    course = _Course(work, screen, budget)
    while True:
        course.look()
        reason = course.end()
        if reason:
            return course.ending(reason)
        try:
            started = course.run()
        except KeyboardInterrupt:
            course.look()
            return course.ending(INTERRUPTED)
        if not started:
            return course.ending(FAILED_TO_START)


class _Course:
    """Takes a study from look to look."""

    def __init__(self, work: Work, screen: Screen, budget: float | None) -> None:
        self._work, self._screen = work, screen
        self._end = None if budget is None else time.monotonic() + budget
        self._pace = Pace()
        self._given_up: set[str] = set()
        self._failed, self._told = 0, list[str]()
        self._view: View
        self._results: pd.DataFrame
        self._folders: dict[Key, list[list[str]]] = {}

    def look(self) -> None:
        """Judge the finished runs, and find those that the next look needs."""
        study = self._work.study
        self._results = collect(study, self._work.folder, upstream_of(study, self._work.prepared))
        told = changes(first_looked_at(study, self._work.folder), study)
        if told:
            raise ConfigError(f"study {study.name}: {'; '.join(told)}.")
        found = verdicts_of(self._results, study, self._work.focus)
        self._view = View(found, len(study.seeds), *next_look(study, self._results, found, self._given_up))

    def end(self) -> str:
        """Return why nothing more is to be run; empty if there is more."""
        if self._view.next is None:
            return DECIDED
        if self._work.focus and not self._concerns(self._work.focus):
            return JUDGED
        return SPENT if self._spent() else ""

    def _concerns(self, focus: str) -> bool:
        """Return whether a test of a ticket can go on, or one of a positive control that its verdicts rest on."""
        study, lost = self._work.study, self._view.waiting
        possible = open_tests(self._view.verdicts, study.seeds)
        stopped = set(lost[list(TEST)].itertuples(index=False, name=None))
        going = {
            test[2] for test in possible[list(TEST)].itertuples(index=False, name=None) if test not in stopped
        }
        controls = going & study.verdict.positive_controls.keys()
        return focus in going or (focus not in set(lost["ticket"]) and bool(controls))

    def ending(self, reason: str) -> Ending:
        """Show the last state, and return how it ended."""
        self._screen.show("", decision_rows(self._view))
        missing = len(self._view.next.missing) if self._view.next else 0
        made = int((self._results["status"] == "done").sum())
        left, planned = self._pace.seconds(missing), len(self._results)
        return Ending(reason, self._view, self._failed, self._told, left, made, planned)

    def list_runs(self) -> tuple[Run, ...]:
        """Write the list of the runs of the next look for the workflow, and return them."""
        following = self._view.next
        missing = following.missing if following else ()
        self._folders = seed_folders(self._work.study, following.tests) if following else {}
        write_wanted([run.folder for run in missing], self._work.folder)
        return missing

    def run(self) -> bool:
        """Make the runs of the next look; return False if the workflow could not start."""
        missing = self.list_runs()
        self._pace.start()
        command, rows = self._work.command(RULE), decision_rows(self._view)
        stopping = partial(self._screen.show, STOPPING, rows)
        with News(self._work.log) as news:
            tick = partial(self._tick, news, time.time())
            outcome = logged_run(command, self._work.log, tick, stopping)
        self._pace.stop()
        if outcome.stopped:
            return True  # the budget is spent: what was stopped has not failed
        self._failed += outcome.failed
        self._told += [text for text in outcome.told if text not in self._told]
        root = self._work.folder
        lost = {
            run.folder for run in missing if not all((root / run.folder / name).is_file() for name in FILES)
        }
        self._given_up |= lost
        return not outcome.status or outcome.failed > 0 or len(lost) < len(missing)

    def _tick(self, news: News, since: float) -> bool:
        """Show the causes of new failures and the progress of the look; return whether to continue."""
        assert self._view.next is not None
        for line in news.lines():
            self._screen.tell(line)
        upstream = upstream_of(self._work.study, self._work.prepared)
        standings = Standings(self._work.folder, upstream, since=since)
        states = {run.folder: standings.of(run).state for run in self._view.next.missing}
        counts = Counter(states.values())
        self._pace.made(counts[DONE])
        rows = decision_rows(self._view, self._ready(states))
        self._screen.show(self._status(counts, len(states)), rows)
        return not self._spent()

    def _status(self, counts: Counter[str], total: int) -> str:
        assert self._view.next is not None
        failed = f", {counts[FAILED]} failed" if counts[FAILED] else ""
        running = f"{counts[RUNNING]} running" if counts[RUNNING] or counts[DONE] else "starting"
        line = f"Look at {self._view.next.look} seeds: {counts[DONE]} of {total} runs made, {running}{failed}"
        left = self._pace.seconds(total - counts[DONE])
        if left is not None:
            line += f", about {duration(left)} left"
        if self._end is not None:
            line += f"; budget: about {duration(max(self._end - time.monotonic(), 0.0))}"
        return line

    def _ready(self, states: Mapping[str, str]) -> dict[Key, int]:
        """Return for each test of this look how many of its seeds have all their runs."""
        return {
            key: sum(all(states.get(folder, DONE) == DONE for folder in own) for own in seeds)
            for key, seeds in self._folders.items()
        }

    def _spent(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end
