"""What `prunepipe verdict` and `prunepipe inspect` say of results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prunepipe.artifacts import write_json
from prunepipe.cli.inspect import describe_run, identify
from prunepipe.cli.verdict import newest_results, verdict_text
from prunepipe.errors import ArtifactError
from prunepipe.results.layout import CELL, DENSE


def test_the_verdict_names_methods_checks_and_the_report(tmp_path: Path) -> None:
    tables = tmp_path / "results" / "tables"
    tables.mkdir(parents=True)
    (tables / "methods.csv").write_text(
        "study,ticket,summary,why\ns,mine,not sane,mine is not sane: it ignores all.\n"
    )
    (tables / "verdicts.csv").write_text(
        "ticket,check,dataset,network,prune_ratio,verdict,effect,picture,look,next_look,probability,flag\n"
        "mine,rearrange,digits,vgg,0.95,ignores,0.125,=o=,8,,,looks were changed\n"
        "mine,reinit,digits,vgg,0.95,inconclusive,-1.5,o,5,8,0.7,\n"
        "mine,invert,digits,vgg,0.95,not judged,,,0,,,\n"
    )
    (tables.parent / "results.csv").write_text("study,ticket\ns,mine\n")
    text = verdict_text(tables.parent)
    assert text.startswith("Study s\n  NOT TO BE TRUSTED: looks were changed.\n\nmine: NOT SANE\n")
    assert "mine: NOT SANE\n  mine is not sane: it ignores all.\n" in text
    assert "rearrange         95 %  IGNORES      +0.12  =o=  8 seeds\n" in text
    assert "open         -1.50  o  5 seeds, next 8 (70 %)\n" in text
    assert "not judged       -    no look yet" in text
    assert "Report:" not in text
    (tmp_path / "results" / "report.html").write_text("")
    assert f"Report: {tmp_path}/results/report.html" in verdict_text(tables.parent)


def test_the_newest_verdicts_are_shown_and_those_of_an_unfinished_study_say_so(tmp_path: Path) -> None:
    whole, partial = tmp_path / "results", tmp_path / "results" / "partial"
    for results, study, age in ((partial, "b", 20), (whole, "a", 10)):
        (results / "tables").mkdir(parents=True)
        (results / "results.csv").write_text(f"study,ticket\n{study},mine\n")
        (results / "tables" / "verdicts.csv").write_text("ticket\n")
        methods = results / "tables" / "methods.csv"
        methods.write_text("ticket,summary,why\n")
        os.utime(methods, (1e9 - age, 1e9 - age))
    assert verdict_text(newest_results(tmp_path)).startswith("Study a\n")
    os.utime(partial / "tables" / "methods.csv", (1e9, 1e9))
    assert verdict_text(newest_results(tmp_path)).startswith("Study b, finished part\n")


def test_a_run_says_what_it_is_and_how_to_remake_it(tmp_path: Path) -> None:
    place = {"study": "s", "dataset": "digits", "network": "vgg", "ticket": "snip", "check": "none"}
    inside = CELL.format(**place, prune_ratio=0.95, seed=3)
    folder = tmp_path / inside
    folder.mkdir(parents=True)
    write_json(folder / "metrics.json", {"accuracy": 91.5, "version": "0.1", "code": "ab", "seed": 3})
    row = {"layer": "a.weight", "kept": 5, "size": 100, "effective": 4, "dead_units": 1, "units": 10}
    write_json(folder / "layers.json", {"layers": [row]})
    text = describe_run(folder)
    assert text.startswith(f"pruned run: {folder}\n")
    for expected in (
        "ticket           snip",
        "prune_ratio      0.95",
        "accuracy           91.5",
        "5.00%",
        "1 of 10",
    ):
        assert expected in text
    remake = f"prunepipe run {inside}/metrics.json --force --cores 1 --study"
    assert f"cd {tmp_path} && {remake} STUDY.yaml" in text
    (tmp_path / "s.yaml").touch()
    assert f"{remake} s.yaml" in describe_run(folder)
    for part in ("config/s.yaml", "Snakefile"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).touch()
    assert f"snakemake {inside}/metrics.json --force --cores 1 --config study=s" in describe_run(folder)
    assert describe_run(folder / "metrics.json") == describe_run(folder)
    (folder / "layers.json").write_text("{")
    with pytest.raises(ArtifactError, match="layers.json: not a file of this pipeline"):
        describe_run(folder)


def test_a_run_behind_a_link_is_found_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`results` is often a link to a large disk, whatever it is called there."""
    dense = DENSE.format(study="s", dataset="d", network="n", data="clean", seed=0)
    disk = tmp_path / "disk" / "of_mine"
    (disk / dense.removeprefix("results/")).mkdir(parents=True)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "results").symlink_to(disk)
    monkeypatch.chdir(tmp_path / "project")
    assert describe_run(Path(dense)).startswith(f"dense run: {dense}\n")
    assert f"prunepipe run {dense}/metrics.json" in describe_run(disk / dense.removeprefix("results/"))
    (tmp_path / "linked" / "results").mkdir(parents=True)
    (disk / "runs").rename(tmp_path / "archive")
    (tmp_path / "linked" / "results" / "runs").symlink_to(tmp_path / "archive")
    monkeypatch.chdir(tmp_path / "linked")
    assert describe_run(Path(dense)).startswith(f"dense run: {dense}\n")


def test_a_reader_that_has_seen_enough_ends_a_command_in_silence() -> None:
    command = [sys.executable, "-m", "prunepipe.cli", "plan", "quickstart"]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}  # buffered, the text fails to be written at the end
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_command_that_is_shown_is_not_disturbed_by_a_reader_that_has_seen_enough() -> None:
    shown = "import sys, time; [print(line, flush=True) for line in range(9999)]; sys.stderr.write('whole')"
    code = (
        "import sys; from prunepipe.cli.logged_run import run_on_screen\n"
        f"try: run_on_screen([sys.executable, '-c', {shown!r}])\n"
        "except BrokenPipeError: sys.stderr.write(' and told'); sys.stderr.flush(); import os; os._exit(0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b"whole and told"


def test_folders_of_every_kind_are_told_apart(tmp_path: Path) -> None:
    dense = tmp_path / DENSE.format(study="s", dataset="d", network="n", data="clean", seed=0)
    assert identify(dense) == (
        "dense run",
        {"study": "s", "dataset": "d", "network": "n", "data": "clean", "seed": "0"},
    )
    with pytest.raises(ArtifactError, match="not a folder of a run"):
        identify(tmp_path)
