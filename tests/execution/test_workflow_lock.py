"""One workflow at a time in a folder: the next ones are refused, and leave the log of the first alone."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunepipe.cli.deciding import Work, decide
from prunepipe.cli.main import main
from prunepipe.cli.screen import PlainLines
from prunepipe.errors import ConfigError
from prunepipe.execution.workflow_lock import LOCK, claim_folder, running_in
from prunepipe.planning.start import require_site_file, tell_of_running_workflow
from prunepipe.study.study import Study

REFUSED = r"another Snakemake is running here \(process 7 on there\); wait for it or stop it"


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, in which a workflow is running."""
    monkeypatch.chdir(tmp_path)
    lock = tmp_path / LOCK
    lock.parent.mkdir()
    with lock.open("w") as file:
        file.write("process 7 on there")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield tmp_path


def test_a_running_workflow_is_named_and_an_ended_one_is_not(busy: Path, tmp_path: Path) -> None:
    assert running_in(busy) == "process 7 on there"
    with pytest.raises(ConfigError, match=REFUSED):
        claim_folder(busy)
    assert running_in(tmp_path / "elsewhere") == ""
    ended = tmp_path / "ended" / LOCK
    ended.parent.mkdir(parents=True)
    ended.write_text("process 8 on there")
    assert running_in(tmp_path / "ended") == ""
    claim_folder(tmp_path / "ended")  # asking has not locked it
    assert running_in(tmp_path / "ended").startswith("process ")


def test_a_second_run_is_refused_before_it_touches_the_log_of_the_first(
    busy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    log = busy / "results" / "snakemake.log"
    log.parent.mkdir()
    log.write_text("of the first")
    for _ in range(2):
        assert main(["run", "quickstart"]) == 1
        assert "another Snakemake is running here (process 7 on there)" in capsys.readouterr().err
    assert log.read_text() == "of the first"
    assert [*log.parent.iterdir()] == [log]

    started = []
    monkeypatch.setattr(
        "prunepipe.cli.run.run_watched", lambda command, log, *_: started.append(log) or stop()
    )
    with pytest.raises(ZeroDivisionError):
        main(["run", "quickstart", "partial"])  # may run beside it
    assert started == [Path("results/snakemake.partial.log")]


def stop() -> None:
    raise ZeroDivisionError


def test_a_second_judge_is_refused_at_once(busy: Path, small: dict) -> None:
    study = Study.model_validate(small | {"seeds": list(range(3)), "verdict": {"looks": [3]}})
    work = Work(study, busy / "small.yaml", busy, busy / "log", 2, (), busy / "data")
    with pytest.raises(ConfigError, match=REFUSED):
        decide(work, PlainLines(None))


@pytest.mark.usefixtures("busy")
def test_snakemakes_advice_to_unlock_a_running_workflow_is_contradicted(
    capsys: pytest.CaptureFixture,
) -> None:
    tell_of_running_workflow()
    assert "(process 7 on there). Wait" in (told := capsys.readouterr().err)
    assert "do not use --unlock" in told


def test_nothing_is_said_of_a_workflow_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    tell_of_running_workflow()
    assert capsys.readouterr().err == ""


def test_a_folder_without_a_configuration_is_told_where_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SystemExit, match=r"^error: .* has no config\.yaml; start Snakemake in the folder that holds"
    ):
        require_site_file([])
    require_site_file(["other.yaml"])
    (tmp_path / "config.yaml").touch()
    require_site_file([])
