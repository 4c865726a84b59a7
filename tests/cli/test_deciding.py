"""The driver: look by look until every test is decided, on made-up runs; stops, failures and budgets."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import make_runs

from prunepipe.cli import deciding
from prunepipe.cli.deciding import (
    DECIDED,
    FAILED_TO_START,
    INTERRUPTED,
    JUDGED,
    SPENT,
    Ending,
    Work,
    decide,
)
from prunepipe.cli.ending import ending_lines
from prunepipe.cli.logged_run import WorkflowRun
from prunepipe.cli.screen import PlainLines
from prunepipe.errors import ConfigError
from prunepipe.planning.pace import Pace
from prunepipe.planning.wanted import WANTED
from prunepipe.results.layout import Run, runs
from prunepipe.results.watching import duration
from prunepipe.study.study import Study

TICKETS = {"lottery": {"checks": ["corrupted_data", "rearrange"]}, "random": {"checks": ["rearrange"]}}
LOOKS = [3, 5, 8]


class Workflow:
    """Stands in for Snakemake: makes the runs on the list, with made-up accuracies.

    Attributes:
        asked: the folders that each call was asked for.
    """

    def __init__(self, study: Study, folder: Path, outcome: Callable[[Run], float | str]) -> None:
        self.study, self.folder, self.outcome = study, folder, outcome
        self.asked: list[list[str]] = []
        self.before: Callable[[], WorkflowRun | None] = lambda: None

    def __call__(self, command: list[str], log: Path, look: Callable[[], bool], stopping: Any) -> WorkflowRun:
        wanted = (self.folder / WANTED).read_text().splitlines()
        self.asked.append(wanted)
        early = self.before()
        if early is not None:
            return early
        listed = [run for run in runs(self.study) if run.folder in wanted]
        failed = 0
        for run in listed:
            fails = make_runs(self.study, self.folder, [run], self.outcome)
            failed += fails
            with log.open("a", encoding="utf-8") as file:
                file.write("Error in rule retrain:\nerror: it diverged\n" * fails)
            if not look():
                return WorkflowRun(1, 0, [], stopped=True)
        return WorkflowRun(int(failed > 0), failed, ["it diverged"] if failed else [])

    def seeds(self, ticket: str, check: str) -> list[int]:
        """How many runs of a ticket under a check each call was asked for."""
        return [sum(f"/tickets/{ticket}/{check}/" in folder for folder in asked) for asked in self.asked]


@pytest.fixture
def planned(small: dict) -> Study:
    rule = {"margin": 1.0, "looks": LOOKS}
    return Study.model_validate(small | {"tickets": TICKETS, "seeds": list(range(8)), "verdict": rule})


def accuracy(run: Run) -> float:
    """Rearranging hurts lottery tickets a lot, a little noise hurts nobody."""
    noise = np.random.default_rng([run.seed, len(run.ticket), len(run.check)]).normal(0, 0.8)
    return 80.0 - 20.0 * ((run.ticket, run.check) == ("lottery", "rearrange")) + noise


def decided(
    study: Study,
    folder: Path,
    monkeypatch,
    outcome=accuracy,
    before=lambda: None,
    focus: str | None = None,
    **options: Any,
) -> tuple[Ending, Workflow, str]:
    workflow, shown = Workflow(study, folder, outcome), io.StringIO()
    workflow.before = before
    monkeypatch.setattr(deciding, "logged_run", workflow)
    work = Work(study, folder / "small.yaml", folder, folder / "log", 1, [], folder / "data", focus)
    return decide(work, PlainLines(shown), **options), workflow, shown.getvalue()


def words(ending: Ending) -> dict[tuple[str, str], str]:
    table = ending.view.verdicts
    return dict(zip(zip(table["ticket"], table["check"], strict=True), table["verdict"], strict=True))


def test_it_goes_look_by_look_and_closed_tests_start_no_further_runs(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    ending, workflow, shown = decided(planned, tmp_path, monkeypatch)
    assert ending.reason == DECIDED
    assert ending.view.next is None
    assert words(ending)["lottery", "rearrange"] == "uses"
    closed = workflow.seeds("lottery", "rearrange")
    assert sum(closed) < len(planned.seeds)
    assert closed[-1] == 0
    assert workflow.seeds("lottery", "none") == [3, 2, 3]  # the partners of corrupted data go on
    assert ending.made == sum(map(len, workflow.asked)) < ending.planned
    assert "lottery, rearrange, 90 %: uses" in shown
    assert f"of the {ending.planned} that the study lists" in ending_lines(ending)[0]


def test_the_words_are_those_of_the_runs_however_often_it_is_interrupted(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    whole, _, _ = decided(planned, tmp_path / "whole", monkeypatch)
    calls = iter(range(100))

    def interrupted() -> WorkflowRun | None:
        if next(calls) % 2 == 0:
            raise KeyboardInterrupt
        return None

    endings = []
    while not endings or endings[-1].reason == INTERRUPTED:
        ending, workflow, _ = decided(planned, tmp_path / "parts", monkeypatch, before=interrupted)
        endings.append(ending)
    assert len(endings) > 2
    assert words(endings[-1]) == words(whole)
    assert endings[-1].made == whole.made
    _, workflow, _ = decided(planned, tmp_path / "parts", monkeypatch)
    assert workflow.asked == []  # nothing is left to do


def test_a_spent_budget_stops_it_and_the_next_look_is_foretold(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    now = [0.0]

    def slow(run: Run) -> float:
        now[0] += 10.0
        return accuracy(run)

    monkeypatch.setattr(deciding.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(deciding, "Pace", lambda: Pace(lambda: now[0]))
    ending, _, shown = decided(planned, tmp_path, monkeypatch, slow, budget=250.0)
    assert ending.reason == SPENT
    assert 250.0 <= now[0] < 270.0
    assert ending.failed == 0
    assert "budget: about 3 min" in shown
    text = "\n".join(ending_lines(ending))
    assert ending.view.next is not None
    left = duration(10.0 * len(ending.view.next.missing))
    assert f"At the next look (5 seeds, about {left} here), if effect and spread stay as they are:" in text
    assert "lottery, corrupted_data, 90 %: decided with probability" in text
    more, _, _ = decided(planned, tmp_path, monkeypatch, slow)
    assert more.reason == DECIDED


def test_no_time_is_said_before_any_run_was_made(planned: Study, tmp_path: Path, monkeypatch) -> None:
    ending, _, _ = decided(planned, tmp_path, monkeypatch, budget=1e-9)
    assert ending.reason == SPENT
    assert "minutes" not in "\n".join(ending_lines(ending))
    assert "The next look (3 seeds) is the first for 3 tests." in ending_lines(ending)


def test_a_run_that_fails_leaves_its_tests_and_the_others_go_on(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    def outcome(run: Run) -> float | str:
        return "it diverged" if (run.ticket, run.seed) == ("random", 1) else accuracy(run)

    ending, workflow, shown = decided(planned, tmp_path, monkeypatch, outcome)
    assert ending.reason == DECIDED
    assert ending.failed == 2
    assert ending.told == ["it diverged"]
    assert workflow.seeds("random", "rearrange") == [3, 0, 0]
    assert sum(workflow.seeds("lottery", "corrupted_data")) == 8
    assert "random, rearrange, 90 %: open, -, 0 seeds; NOT RUN: it diverged" in shown
    cause = shown.index("error: it diverged")
    assert shown.count("error: it diverged") == 1
    assert cause < shown.index("lottery, rearrange, 90 %: uses")  # while the first look is still running


def test_runs_behind_a_shared_stage_that_failed_count_as_failed(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    said: list[str] = []

    class Shown(PlainLines):
        def show(self, status: str, rows: Any) -> None:
            said.extend([status, *(cell for row in rows for cell in row.cells)])

    def fails(command: Any, log: Path, look: Callable[[], bool], stopping: Any) -> WorkflowRun:
        stage = tmp_path / "data" / "digits.log"
        stage.parent.mkdir()
        stage.write_text("error: no space left\n")
        os.utime(stage, (2e9, 2e9))
        assert look()
        return WorkflowRun(1, 1, ["no space left"])

    monkeypatch.setattr(deciding, "logged_run", fails)
    work = Work(planned, tmp_path / "small.yaml", tmp_path, tmp_path / "log", 1, [], tmp_path / "data")
    decide(work, Shown(io.StringIO()))
    asked = len((tmp_path / WANTED).read_text().splitlines())
    assert f"Look at 3 seeds: 0 of {asked} runs made, starting, {asked} failed" in said
    assert "NOT RUN: no space left" in said


def test_when_the_judged_method_fails_its_controls_do_not_go_on(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    def outcome(run: Run) -> float | str:
        return "it diverged" if run.ticket == "lottery" else accuracy(run)

    rule = planned.verdict.model_dump() | {"positive_controls": {"random": ["rearrange"]}}
    study = Study.model_validate({**planned.model_dump(), "verdict": rule})
    ending, workflow, _ = decided(study, tmp_path, monkeypatch, outcome, focus="lottery")
    assert ending.reason == JUDGED
    assert len(workflow.asked) == 1
    assert ending.failed > 0


def far_above_random(run: Run) -> float:
    """A lottery ticket uses all that is checked, and beats random tickets; what is open is about random tickets."""
    noise = np.random.default_rng([run.seed, len(run.ticket), len(run.check)]).normal(0, 0.8)
    return 80.0 - 20.0 * (run.ticket == "random" or run.check != "none") + noise


def test_a_judged_method_is_compared_with_random_tickets_and_ends_when_its_own_tests_are_decided(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    ending, judging, shown = decided(
        planned, tmp_path / "judged", monkeypatch, far_above_random, focus="lottery"
    )
    assert ending.reason == JUDGED
    assert {check: word for (ticket, check), word in words(ending).items() if ticket == "lottery"} == {
        "minus random": "above",
        "corrupted_data": "uses",
        "rearrange": "uses",
    }
    assert words(ending)["random", "rearrange"] == "inconclusive"
    (line,) = ending_lines(ending)  # no chances, and no advice to go on
    assert line.startswith("The method is judged: 4 tests, 1 above, 2 uses, 1 open; ")
    assert "lottery, minus random, 90 %: above" in shown
    _, whole, _ = decided(planned, tmp_path / "whole", monkeypatch, far_above_random)
    assert sum(map(len, judging.asked)) < sum(map(len, whole.asked))


def test_a_judged_method_waits_for_the_positive_controls(planned: Study, tmp_path: Path, monkeypatch) -> None:
    rule = planned.verdict.model_dump() | {"positive_controls": {"random": ["rearrange"]}}
    study = Study.model_validate({**planned.model_dump(), "verdict": rule})
    ending, workflow, _ = decided(study, tmp_path, monkeypatch, far_above_random, focus="lottery")
    assert sum(workflow.seeds("random", "rearrange")) == len(planned.seeds)  # to its last look
    assert ending.reason == DECIDED


def test_a_workflow_that_cannot_start_is_not_started_again(
    planned: Study, tmp_path: Path, monkeypatch
) -> None:
    refused = WorkflowRun(1, 0, ["another Snakemake is running here"])
    ending, workflow, _ = decided(planned, tmp_path, monkeypatch, before=lambda: refused)
    assert ending.reason == FAILED_TO_START
    assert len(workflow.asked) == 1
    assert ending.told == ["another Snakemake is running here"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"verdict": {"margin": 1.0, "looks": [3, 6, 8]}},
            r"verdict.looks was \[3, 5, 8\] when these results",
        ),
        ({"seeds": [1, 2, 3, 4, 5]}, r"the seeds were \[0, 1, 2, 3, 4, 5, 6, 7\] when these results"),
    ],
)
def test_results_that_were_judged_by_other_looks_or_seeds_are_refused(
    planned: Study, tmp_path: Path, monkeypatch, changed: dict, said: str
) -> None:
    decided(planned, tmp_path, monkeypatch)
    other = Study.model_validate({**planned.model_dump(), **changed})
    with pytest.raises(ConfigError, match=f"^study small: {said}.*set (it|them) back"):
        decided(other, tmp_path, monkeypatch)


def test_seeds_may_be_added_at_the_end(planned: Study, tmp_path: Path, monkeypatch) -> None:
    few = Study.model_validate({**planned.model_dump(), "seeds": [0, 1, 2]})
    ending, _, _ = decided(few, tmp_path, monkeypatch)
    assert ending.reason == DECIDED
    assert "5 seeds, but the study lists 3" in [row.cells[-1] for row in deciding.decision_rows(ending.view)]
    more, _, _ = decided(planned, tmp_path, monkeypatch)
    assert words(more)["lottery", "corrupted_data"] != "inconclusive" or more.view.next is None
