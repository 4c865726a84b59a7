"""How far a study has come: states of runs, the time that is left, the line on the terminal."""

import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from prunepipe.cli.logged_run import News, WorkflowRun, logged_run, run_watched
from prunepipe.cli.main import main
from prunepipe.results.layout import runs
from prunepipe.results.standing import DONE, FAILED, RUNNING, SILENCE, WAITING, Standings
from prunepipe.results.watching import StudyProgress, duration, study_progress
from prunepipe.study.study import Study

NOW = 1_000_000.0


def write(path: Path, text: str = "", age: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - age, NOW - age))


@pytest.mark.parametrize(
    ("files", "age", "state"),
    [
        ({}, 1, WAITING),
        ({"check.log": ""}, 1, WAITING),
        ({"retrain.log": "epoch 1/20: fine"}, 1, RUNNING),
        ({"train_dense.log": ""}, SILENCE - 1, RUNNING),
        ({"retrain.log": "epoch 1/20: fine"}, SILENCE + 1, WAITING),
        ({"retrain.log": "epoch 1/20: fine\nerror: training diverged"}, 1, FAILED),
        ({"retrain.log": "stopped by signal 15 in epoch 2"}, 1, FAILED),
        (
            {"retrain.log": "epoch 1/2: fine\nTraceback (most recent call last):\n  File x\nKeyError: 'a'"},
            1,
            FAILED,
        ),
        ({"retrain.log": "Traceback (most recent call last):\nKeyError: 'a'\nepoch 1/2: fine"}, 1, RUNNING),
        ({"retrain.log": "error: at the first try", "metrics.json": "{}"}, 1, DONE),
    ],
)
def test_the_state_of_a_run_is_read_from_its_folder(
    tmp_path: Path, study: Study, files: dict[str, str], age: float, state: str
) -> None:
    run = next(runs(study))
    for name, text in files.items():
        write(tmp_path / run.folder / name, text, age)
    assert Standings(tmp_path, now=NOW).of(run).state == state


@pytest.mark.parametrize(
    "text", ["stopped by signal 15 in epoch 2", "error: training diverged", "epoch 1/20: fine"]
)
def test_what_logs_say_from_before_the_start_is_to_be_repeated(
    tmp_path: Path, study: Study, text: str
) -> None:
    run = next(runs(study))
    write(tmp_path / run.folder / "retrain.log", text, age=10.0)
    assert Standings(tmp_path, now=NOW, since=NOW - 5.0).of(run).state == WAITING
    assert Standings(tmp_path, now=NOW, since=NOW - 15.0).of(run).state != WAITING
    write(tmp_path / "data" / "digits.log", "error: no space left", age=10.0)
    other, logs = list(runs(study))[1], ["data/digits.log"]
    assert Standings(tmp_path, lambda run: logs, NOW).of(other).state == FAILED
    assert Standings(tmp_path, lambda run: logs, NOW, since=NOW - 5.0).of(other).state == WAITING


def test_the_time_left_goes_by_the_pace_of_the_last_runs(tmp_path: Path, study: Study) -> None:
    folders = [tmp_path / run.folder for run in runs(study)]
    for number, folder in enumerate(folders[:4]):  # one in 10 s, the last just now
        write(folder / "metrics.json", "{}", age=30.0 - 10.0 * number)
    assert study_progress(study, tmp_path, NOW).seconds_left is None  # nothing is running
    write(folders[4] / "retrain.log")
    write(folders[5] / "retrain.log", "error: no")
    progress = study_progress(study, tmp_path, NOW)
    assert (progress.done, progress.running, progress.failed) == (4, 1, 1)
    assert progress.total == len(folders)
    assert progress.seconds_left == 10.0 * (len(folders) - 5)
    assert (
        study_progress(study, tmp_path, NOW + 300.0).seconds_left > progress.seconds_left
    )  # nothing came since


def test_watch_says_it_in_a_line(
    tmp_path: Path, small: dict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(small))
    assert main(["watch", "mine.yaml", "--once"]) == 0
    total = len(list(runs(Study.model_validate(small))))
    told = capsys.readouterr()
    assert told.out == f"small: 0 of {total} runs done, 0 running, 0 failed\n"
    assert told.err == f"note: {tmp_path} holds no results/ yet; see --folder.\n"
    write(tmp_path / "data" / "digits.log", "error: no space left")  # all runs wait for it
    assert main(["watch", "mine.yaml", "--once"]) == 0
    assert capsys.readouterr().out == f"small: 0 of {total} runs done, 0 running, {total} failed\n"
    monkeypatch.setattr("prunepipe.cli.watch.time.sleep", lambda seconds: pytest.fail("nothing is left"))
    assert main(["watch", "mine.yaml"]) == 0


def test_watch_ends_with_the_study(
    tmp_path: Path, small: dict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(small))
    study = Study.model_validate(small)
    folders = [Path(run.folder) for run in runs(study)]
    for folder in folders[1:]:
        write(folder / "metrics.json", "{}")
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        write(folders[0] / "metrics.json", "{}")

    monkeypatch.setattr("prunepipe.cli.watch.time.sleep", sleep)
    assert main(["watch", "mine.yaml"]) == 0
    assert len(slept) == 1
    assert f"{len(folders)} of {len(folders)} runs" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "text"), [(40, "40 s"), (100, "2 min"), (5400, "2 h"), (2e5, "2 days")])
def test_durations_are_told_as_a_person_would(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_run_is_logged_and_its_failures_are_told_once(tmp_path: Path) -> None:
    lines = [
        "Error in rule score:",
        "error: bad score",
        "error: bad score",
    ]
    code = f"import sys; print({chr(10).join(lines)!r}); sys.exit(3)"
    log = tmp_path / "log" / "judge.log"
    looks: list[int] = []
    for _ in range(2):  # the second is written below the first, and only its own failures are told
        outcome = logged_run([sys.executable, "-c", code], log, lambda: not looks.append(1))
        assert outcome == WorkflowRun(3, 1, ["bad score"])
    assert log.read_text().splitlines() == lines * 2
    assert looks


def test_the_screen_moves_while_snakemake_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunepipe.cli.logged_run.BETWEEN_LOOKS", 0.05)
    looks: list[int] = []
    command = [sys.executable, "-c", "import time; time.sleep(1)"]
    assert not logged_run(command, tmp_path / "judge.log", lambda: not looks.append(1)).stopped
    assert len(looks) > 5


def test_a_workflow_is_stopped_with_its_jobs_when_its_time_is_over(tmp_path: Path) -> None:
    job = "import time; print('job', flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {job!r}])"
    log = tmp_path / "judge.log"
    outcome = logged_run([sys.executable, "-c", code], log, lambda: "job" not in log.read_text())
    assert outcome.stopped
    assert outcome.status < 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_stops_the_workflow_first(tmp_path: Path, number: int) -> None:
    ended = tmp_path / "ended"
    code = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(ended)!r}).touch(), sys.exit(1)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    log = tmp_path / "judge.log"

    def look() -> bool:
        if "ready" in log.read_text():
            signal.raise_signal(number)
        return True

    with pytest.raises(KeyboardInterrupt):
        logged_run([sys.executable, "-c", code], log, look)
    assert ended.exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_watched_run_shows_its_notes_and_keeps_the_log_of_the_run_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "results" / "snakemake.log"
    for number in (1, 2):
        code = (
            f"print('noise'); print('note: moved {number}'); print('error: bad score'); raise SystemExit(3)"
        )
        outcome = run_watched([sys.executable, "-c", code], log, lambda: StudyProgress(0, 1, 0, 0, None))
        assert (outcome.status, outcome.told) == (3, ["bad score"])
    told = capsys.readouterr().err
    assert told.count("note: moved") == 2
    assert "noise" not in told
    assert "note: moved 2" in log.read_text()
    assert "note: moved 1" in log.with_suffix(".previous.log").read_text()


def test_of_a_growing_log_whole_lines_are_shown_and_each_cause_of_failed_jobs_once(tmp_path: Path) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text("note: of an earlier run\n")
    with News(log) as news, log.open("a") as file:

        def shown(added: str) -> list[str]:
            file.write(added)
            file.flush()
            return news.lines()

        assert shown("noise\n    note: in a job\na note: no\nwarning: odd\nno") == ["warning: odd"]
        assert shown("te: moved") == []
        assert shown(" here\n") == ["note: moved here"]
        assert shown("    error: early\n") == []
        assert shown("Error in rule mask:\n    error: no bud") == []
        assert shown("get\n    error: no budget\n") == ["error: no budget"]
        assert shown("Error in rule mask:\n    error: no budget\n    error: other\n") == ["error: other"]


def test_a_watched_run_shows_each_cause_of_failed_jobs_once_and_while_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []

    def progress() -> StudyProgress:
        shown.append(capsys.readouterr().err)
        return StudyProgress(0, 1, 0, 0, None)

    failed = "Error in rule mask:\n    log: mask.log\n    error: no budget\n"
    code = f"import time; print('error: early'); print({failed + failed!r}, flush=True); time.sleep(2.5)"
    run_watched([sys.executable, "-c", code], tmp_path / "snakemake.log", progress)
    *running, _ = shown
    assert "".join(running).count("error: no budget\n") == 1
    assert "error: early" not in "".join(shown) + capsys.readouterr().err


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watched_run_that_is_interrupted_stops_its_workflow(tmp_path: Path) -> None:
    ended, log = tmp_path / "ended", tmp_path / "snakemake.log"
    code = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(ended)!r}).touch(), sys.exit(1)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )

    def progress() -> StudyProgress:
        if "ready" in log.read_text():
            signal.raise_signal(signal.SIGINT)
        return StudyProgress(0, 1, 0, 0, None)

    with pytest.raises(KeyboardInterrupt):
        run_watched([sys.executable, "-c", code], log, progress)
    assert ended.exists()
