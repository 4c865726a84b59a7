"""The last screen of a run: answers first, each cause of failure once, with its log."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from prunepipe.cli.last_screen import MOST_CAUSES, failure_lines, last_screen, print_last_screen
from prunepipe.cli.logged_run import WATCHED, WorkflowRun
from prunepipe.cli.main import main
from prunepipe.cli.progress_bar import progress_bar
from prunepipe.cli.run import study_and_targets
from prunepipe.errors import ConfigError
from prunepipe.results.collected import read_frame
from prunepipe.results.failures import NO_CAUSE, Failure, failures, failures_of
from prunepipe.results.layout import runs
from prunepipe.results.watching import StudyProgress
from prunepipe.study.loading import Site
from prunepipe.study.study import Study

BLOCK = """Error in rule {rule}:
    message: Score vgg
    jobid: {number}
    input: data/digits.safetensors
    output: {folder}/a.out, {folder}/b.out
    log: {folder}/{rule}.log (check log file(s) for error details)
    shell:
        launch.py {rule}.py
        (command exited with non-zero exit code)
Logfile {folder}/{rule}.log:
================================================================================
error: what the log says
================================================================================

"""
ALL_DONE = StudyProgress(9, 0, 0, 0, None)


def fail(root: Path, rule: str, number: int, log: str) -> str:
    """Write the log of a failed job, and return what Snakemake says of it."""
    folder = root / f"job{number}"
    folder.mkdir()
    (folder / f"{rule}.log").write_text(log)
    return BLOCK.format(rule=rule, number=number, folder=f"job{number}")


def test_every_cause_is_told_once_with_the_log_of_its_first_job(tmp_path: Path) -> None:
    text = fail(tmp_path, "score", 1, "error: NaN in layer a\n")
    text += fail(tmp_path, "score", 2, "error: NaN in layer a\n")
    text += fail(tmp_path, "retrain", 3, "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n")
    text += fail(tmp_path, "mask", 4, "")
    found = failures(text + text, tmp_path)  # a job that is tried again fails twice
    assert found == [
        Failure("score", "NaN in layer a", "job1/score.log", 2),
        Failure("retrain", "KeyError: 'a'", "job3/retrain.log", 1),
        Failure("mask", NO_CAUSE, "job4/mask.log", 1),
    ]


def test_a_job_that_succeeded_when_it_was_tried_again_is_no_failure(tmp_path: Path) -> None:
    text = fail(tmp_path, "score", 1, "error: device lost\n")
    assert len(failures(text, tmp_path)) == 1
    for name in ("a.out", "b.out"):
        (tmp_path / "job1" / name).touch()
    assert failures(text, tmp_path) == []


def test_failed_jobs_are_known_without_a_log_of_the_run(tmp_path: Path, monkeypatch) -> None:
    """As under `snakemake --quiet all`, which writes nothing."""
    monkeypatch.chdir(tmp_path)
    fail(tmp_path, "score", 1, "error: NaN in layer a\n")
    fail(tmp_path, "report", 2, "error: no space left\n")

    def job(rule: str, folder: str) -> SimpleNamespace:
        log = [f"{folder}/{rule}.log"]
        return SimpleNamespace(
            rule=SimpleNamespace(name=rule), output=[f"{folder}/a.out"], log=log, is_group=lambda: False
        )

    group = SimpleNamespace(jobs=[job("score", "job1")], is_group=lambda: True)
    assert failures_of([job("report", "job2"), group]) == [
        Failure("score", "NaN in layer a", "job1/score.log", 1),
        Failure("report", "no space left", "job2/report.log", 1),
    ]


def test_failures_come_last_and_many_causes_are_cut(tmp_path: Path) -> None:
    text = "".join(fail(tmp_path, "score", number, f"error: cause {number}\n") for number in range(20))
    failed = failures(text, tmp_path)
    progress, log = StudyProgress(3, 0, 6, 0, None), Path("snakemake.log")
    lines = last_screen("s", "results", progress, failed, log).splitlines()
    assert lines[0] == "Study s: 3 of 9 runs done, 6 failed"
    assert lines[1] == "Tables and report of what is finished: prunepipe run partial --study s"
    assert lines[3:5] == ["error: score: cause 0", "  job0/score.log"]
    assert lines[-1] == f"{20 - MOST_CAUSES} more causes: snakemake.log"
    assert failure_lines([], log) == []


def test_the_answers_of_a_finished_study_are_shown_and_old_ones_are_not(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables = Path("results/tables")
    tables.mkdir(parents=True)
    (tables / "methods.csv").write_text("ticket,summary\nsnip,not sane\nlottery,sane\nhybrid,sane\n")
    (tables / "verdicts.csv").write_text("ticket,flag\nsnip,looks were changed\n")
    (tables.parent / "report.html").touch()
    whole = last_screen("s", "results", ALL_DONE, [], Path("log"))
    assert "NOT TO BE TRUSTED: looks were changed." in whole
    assert "Not sane: snip\nSane: lottery, hybrid\n" in whole
    assert "Report: results/report.html" in whole
    one_table = last_screen("s", "results", ALL_DONE, [], Path("log"), judged=False)
    assert one_table == "Study s: 9 of 9 runs done"


def test_a_run_collected_tables_and_both_last_screens_tell_the_same_of_a_failed_shared_stage(
    tmp_path: Path, small: dict, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml.safe_dump(small))
    Path("elsewhere").mkdir()
    Path("elsewhere/digits.log").write_text("error: no space left\n")
    os.utime("elsewhere/digits.log", (2e9, 2e9))
    study = Study.model_validate(small)
    total = len(list(runs(study)))

    def watched(command: object, log: Path, look: Callable[[], StudyProgress], title: str) -> WorkflowRun:
        assert look().failed == total
        log.parent.mkdir(exist_ok=True)
        log.write_text("")
        return WorkflowRun(1, 1, [])

    monkeypatch.setattr("prunepipe.cli.run.run_watched", watched)
    assert main(["run", "mine.yaml", "--config", "prepared_folder=elsewhere"]) == 1
    told = f"Study small: 0 of {total} runs done, {total} failed\n"
    assert told in capsys.readouterr().out

    workflow = SimpleNamespace(
        is_main_process=True, scheduler=SimpleNamespace(failed=[]), dag=SimpleNamespace(jobs=[])
    )
    monkeypatch.delenv(WATCHED, raising=False)
    print_last_screen(workflow, [], Site(prepared_folder="elsewhere"), study, "results")
    assert told in capsys.readouterr().err

    monkeypatch.setenv("PRUNEPIPE_PREPARED_FOLDER", "elsewhere")
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "collect.py"
    files = [f"--{name}={name}.csv" for name in ("results", "layers", "histories")]
    subprocess.run([sys.executable, script, "--study", "mine.yaml", *files], check=True)
    assert set(read_frame("results.csv")["cause"]) == {"error: no space left"}


@pytest.mark.parametrize(
    ("words", "study", "targets"),
    [
        ([], None, []),
        (["fashion"], "fashion", []),
        (["my/own.yaml", "results/tables/random.md"], "my/own.yaml", ["results/tables/random.md"]),
        (["partial"], None, ["partial"]),
    ],
)
def test_run_takes_a_study_as_plan_does(words: list[str], study: str | None, targets: list[str]) -> None:
    assert study_and_targets(words, None) == (study, targets)
    if study is None:
        assert study_and_targets(words, "fashion") == ("fashion", targets)


def test_two_studies_in_one_run_are_refused() -> None:
    with pytest.raises(ConfigError, match="paper and fashion: name one study"):
        study_and_targets(["paper"], "fashion")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--config", "device=cpu", "results/tables/random.md"],
            "is not KEY=VALUE; name studies and targets before",
        ),
        (["--config", "study=fashion"], "name the study directly"),
        (["--cores", "none"], "must be a number above 0, or `all`"),
        (["--cores", "0"], "must be a number above 0, or `all`"),
    ],
)
def test_options_that_would_be_misread_are_refused(arguments: list[str], words: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["run", *arguments])
    assert words in capsys.readouterr().err


def test_several_settings_after_one_config_all_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    commands = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("prunepipe.cli.run.run_on_screen", lambda command: commands.append(command) or 0)
    assert (
        main(["run", "fashion", "-n", "--config", "device=cpu", "threads=2", "--config", "tensorboard=false"])
        == 0
    )
    assert commands[0][-4:] == [commands[0][-4], "device=cpu", "threads=2", "tensorboard=false"]
    assert commands[0][-4].endswith("config/fashion.yaml")
    assert capsys.readouterr().out == f"Results go to a new folder, {tmp_path}/results\n"


class Terminal:
    """A terminal that remembers what is written to it."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """There is nothing to flush."""


def test_the_bar_on_a_terminal_shows_at_once_what_runs_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("s", StudyProgress(1, 0, 0, 3, None)) as bar:
        bar.show(StudyProgress(1, 2, 0, 1, None))  # no further run is done
        assert "2 running, 0 failed" in terminal.text
        bar.show(StudyProgress(1, 1, 1, 1, 95.0))
        assert "1 running, 1 failed, about 2 min left" in terminal.text


def test_elsewhere_a_study_takes_a_line_at_every_tenth_of_its_runs(capsys) -> None:
    with progress_bar("s", StudyProgress(0, 0, 0, 200, None)) as bar:
        for done in range(200):
            failed = int(done > 104)
            bar.show(StudyProgress(done, 0, failed, 200 - done - failed, None))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "s: 0 of 200 runs, 0 running, 0 failed"
    assert "s: 105 of 200 runs, 0 running, 1 failed" in lines
    assert lines[-1].startswith("s: 180 of 200 runs")
    assert len(lines) == 11  # every tenth, and the first failure
