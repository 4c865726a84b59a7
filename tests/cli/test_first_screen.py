"""What `judge` and `verdict` show beside the verdicts: failed methods, gains side by side, the next questions."""

from pathlib import Path

import pytest
import yaml

from prunepipe.cli.derived_study import Method, derived_study
from prunepipe.cli.first_screen import first_screen
from prunepipe.cli.gains import gains_lines
from prunepipe.cli.main import main
from prunepipe.cli.next_questions import next_questions
from prunepipe.cli.workflow import study_file
from prunepipe.study.loading import load_study

RUNS = """study,ticket,check,status,cause,run
mine,mine,none,missing,not started,
mine,mine,invert,missing,not started,
mine,lottery,none,done,,
"""
METHODS = (
    "study,ticket,summary,why\nmine,mine,undecided,mine is undecided.\nmine,lottery,sane,lottery is sane.\n"
)
VERDICTS = "ticket,check,verdict,next_look,probability\nmine,invert,inconclusive,8.0,0.7\n"
GAINS = """dataset,network,ticket,prune_ratio,part,gain,interval_low,interval_high,interval_level
digits,vgg,mine,0.95,layer ratios,1.25,-0.5,3.0,0.95
digits,vgg,mine,0.95,positions,,,,0.95
digits,vgg,lottery,0.95,layer ratios,2.0,,,0.95
digits,vgg,lottery,0.95,positions,-0.001,-1,1,0.95
"""


@pytest.fixture
def results(tmp_path: Path, monkeypatch) -> Path:
    """The results of a judged method whose score has failed."""
    monkeypatch.chdir(tmp_path)
    tables = tmp_path / "results" / "tables"
    tables.mkdir(parents=True)
    (tables.parent / "results.csv").write_text(RUNS)
    (tables / "methods.csv").write_text(METHODS)
    (tables / "verdicts.csv").write_text(VERDICTS)
    (tables / "decomposition.csv").write_text(GAINS)
    method = Method("mine.py:f", "mine", choices={"score_options": {"power": 2}})
    values = derived_study(load_study(study_file("quickstart")), method, prune_ratios=(0.95,), seeds=5)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    return tables.parent


def test_a_method_without_a_run_is_not_undecided_but_not_run_and_why(results: Path) -> None:
    assert "mine: NOT RUN: its runs have not been started" in first_screen(results)
    caused = RUNS.replace("invert,missing,not started", "invert,missing,error: out of memory")
    (results / "results.csv").write_text(caused)
    text = first_screen(results)
    assert "mine: NOT RUN: out of memory" in text
    assert "UNDECIDED" not in text
    assert "lottery: SANE" in text


def test_gains_of_all_methods_stand_side_by_side(results: Path) -> None:
    assert gains_lines(results) == [
        "Gain in points (95% interval) at prune ratio 0.95, vgg on digits:",
        "                mine                    lottery",
        "  layer ratios  +1.25 (-0.50 to +3.00)  +2.00",
        "  positions     -                       +0.00 (-1.00 to +1.00)",
    ]
    (results / "tables" / "decomposition.csv").unlink()
    assert gains_lines(results) == []


def test_a_referees_questions_come_with_commands_that_work(
    results: Path, tmp_path: Path, monkeypatch
) -> None:
    text = "\n".join(next_questions(results))
    assert "Do 8 seeds decide invert (at best with probability 0.7, if effect and spread stay)?" in text
    assert "--prune-ratio 0.95 --prune-ratio 0.98 --seeds 5" in text
    assert "--study fashion --name mine_fashion" in text
    assert "--start final --name mine_final" in text
    commands = [line.split() for line in text.splitlines() if line.startswith("    prunepipe judge")]
    assert len(commands) == 4
    assert all(command[3:5] == ["--option", "power=2"] for command in commands)
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    (tmp_path / "mine.py").write_text(
        "def f(network, power): return [p ** power for p in network.parameters()]"
    )
    monkeypatch.setattr("prunepipe.cli.trial.result_of_process", _accepted)
    for command in commands:
        assert main([*command[1:], "--dry-run"]) == 0


def test_a_question_about_another_study_start_and_ratio_keeps_them(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    values = yaml.safe_load(file.read_text())
    values["recipe"]["epochs"] += 1
    values["tickets"]["mine"] |= {"start": "final", "scored": "init"}
    file.write_text(yaml.safe_dump(values))
    method = f"prunepipe judge {tmp_path}/mine.py:f --start final --scored init --option power=2"
    commands = [
        line.strip() for line in next_questions(results) if "judge" in line for line in line.splitlines()
    ]
    commands = [line for line in commands if line.startswith("prunepipe")]
    assert commands == [
        f"{method} --study {file} --name mine --prune-ratio 0.95 --seeds 8",
        f"{method} --study {file} --name mine --prune-ratio 0.95 --prune-ratio 0.98 --seeds 5",
        f"{method} --study fashion --name mine_fashion",
    ]


def test_of_a_method_that_collapses_is_asked_what_it_does_where_more_weights_are_left(results: Path) -> None:
    verdicts = results / "tables" / "verdicts.csv"
    verdicts.write_text("ticket,check,verdict\nmine,invert,collapses\nmine,reinit,not judged\n")
    question = "how does it do at a lower prune ratio (0.875)?"
    assert [line for line in next_questions(results) if question in line]
    assert len(next_questions(results)) == 2


def _accepted(request: dict) -> dict:
    return {"allocation": "global", "choices": {}, "text": "", "kinds": []}


def test_a_study_that_was_not_judged_is_asked_nothing(results: Path) -> None:
    (results.parent / "mine.yaml").unlink()
    assert next_questions(results) == []
