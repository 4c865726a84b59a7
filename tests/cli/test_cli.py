"""The command line: quick to start, clear about mistakes, and a derived study that is the whole battery."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from own_study import OWN

from prunepipe.cli.derived_study import BATTERY, Method, derived_study, method_name
from prunepipe.cli.main import COMMANDS, main
from prunepipe.cli.trial_process import answer_to
from prunepipe.cli.workflow import snakemake_command, study_file
from prunepipe.errors import ConfigError
from prunepipe.study.loading import load_study
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import Study

IN_THIS_PROCESS = ("prunepipe.cli.trial.result_of_process", answer_to)
"""Spares the start of a process that tries a method; test_trial.py tests that process."""
SLOW = ("torch", "pandas", "numpy", "pydantic", "snakemake", "yaml", "importlib.metadata")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_is_there_and_starts_without_heavy_imports(command: str) -> None:
    heavy = SLOW if not command else ("torch", "pandas", "snakemake")
    code = (
        "import sys\nfrom prunepipe.cli.main import main\n"
        f"try: main({[command, '--help'] if command else ['--help']})\n"
        f"except SystemExit: sys.exit(','.join(n for n in {heavy!r} if n in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: prunepipe" in done.stdout


# The derived study


@pytest.mark.parametrize("base", ["quickstart", "fashion"])
def test_a_method_goes_through_the_whole_battery_beside_two_controls(base: str) -> None:
    given = load_study(study_file(base))
    study = Study.model_validate(derived_study(given, Method(OWN + "good", "good"), seeds=5))
    assert study.checks_of("good") == ("none", *BATTERY)
    assert study.checks_of("random") == study.checks_of("lottery") == ("none", "corrupted_data", "rearrange")
    assert (study.recipe, study.datasets, study.networks, study.verdict.margin) == (
        given.recipe,
        given.datasets,
        given.networks,
        given.verdict.margin,
    )
    assert (study.seeds, study.prune_ratios) == ((0, 1, 2, 3, 4), given.prune_ratios[:1])
    assert study.checks_of("fine_tuning") == ("none", "shuffle_weights")  # the positive control of the study
    assert len(list(study.cells())) == 5 * (7 + 3 + 3 + 1 + 2)


def test_the_choices_of_the_command_line_reach_the_ticket(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(*IN_THIS_PROCESS)
    commands: list[list[str]] = []
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda command: commands.append(command) or 0)
    (tmp_path / "mine.py").write_text(Path(OWN[:-1]).read_text())
    options = ["--start", "final", "--scored", "init", "--allocation", "constructed", "--prune-ratio", "0.8"]
    options += ["--option", "spare=0", "--reads", "none", "--seeds", "4", "--cores", "3", "--dry-run"]
    assert main(["judge", "mine.py:mask", *options]) == 0
    study = load_study(tmp_path / "judged" / "mask" / "mask.yaml")
    ticket = study.tickets["mask"]
    assert ticket.score == f"{tmp_path}/mine.py:mask"
    assert (ticket.start, ticket.scored, ticket.reads, ticket.per_prune_ratio) == (
        "final",
        "init",
        "none",
        True,
    )
    assert ticket.score_options == {"spare": 0}
    assert ticket.checks == tuple(check for check in BATTERY if check != "invert")
    assert (study.prune_ratios, study.seeds) == ((0.8,), (0, 1, 2, 3))
    assert commands[0][commands[0].index("--cores") + 1] == "3"
    assert f"study={tmp_path}/judged/mask/mask.yaml" in commands[0]


@pytest.mark.parametrize(
    ("method", "inverted"),
    [
        (Method("snip", "m"), True),
        (Method("synflow", "m"), False),
        (Method("snip", "m", choices={"rounds": 3}), False),
        (Method("magnitude", "m", allocation="lamp"), False),
    ],
)
def test_checks_that_could_say_nothing_of_a_method_are_left_out(method: Method, inverted: bool) -> None:
    base = load_study(study_file("quickstart"))
    study = Study.model_validate(derived_study(base, method, seeds=1), strict=False)
    assert ("invert" in study.checks_of("m")) == inverted
    assert set(BATTERY) - {"invert"} <= set(study.checks_of("m"))


def test_own_files_of_the_study_are_found_from_the_folder_of_the_judgement(tmp_path: Path) -> None:
    base = load_study(study_file("quickstart"))
    datasets = {"a": DatasetChoice(folder="images", pool=2), "b": DatasetChoice(arrays="b.npz")}
    derived = derived_study(base.model_copy(update={"datasets": datasets}), Method("snip", "m"))
    here = str(Path.cwd())
    assert derived["datasets"] == {
        "a": {"folder": f"{here}/images", "pool": 2},
        "b": {"arrays": f"{here}/b.npz"},
    }


def test_a_method_is_not_called_like_a_built_in_ticket() -> None:
    assert method_name("snip") == "own_snip"
    assert method_name("pack.mine:_my_score") == "my_score"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["judge", "no_such.py:f"], "no file"),
        (["judge", "magnitud"], "unknown score 'magnitud'. Did you mean 'magnitude'?"),
        (["judge", OWN + "missing"], "has no function 'missing'"),
        (["judge", OWN + "nothin"], "has no function 'nothin'. Did you mean 'nothing'?"),
        (["try", OWN.rpartition(":")[0]], "which function of"),
        (["judge", "snip", "--study", "quikstart"], "unknown study 'quikstart'. Did you mean 'quickstart'?"),
        (["judge", "snip", "--option", "temperature"], "must be KEY=VALUE"),
        (["judge", "snip", "--start", "epoch 99"], "epoch 99 is beyond recipe.epochs"),
        (["judge", "snip", "--allocation", "globl"], "unknown allocation 'globl'"),
        (["judge", "snip", "--name", "lottery"], "--name lottery: a built-in ticket is called that"),
        (["judge", "snip", "--name", "grasp"], "--name grasp: a built-in ticket is called that"),
        (["judge", "snip", "--name", "full_network"], "a built-in ticket is called that"),
        (["judge", "snip", "--name", "../evil"], "--name ../evil: must be letters, digits and _"),
        (["judge", "snip", "--option", "a=["], "--option a=[: a value cannot be read as YAML"),
        (["judge", "snip", "--seeds", "2"], "lists 2, but its first look is after 3 (verdict.looks)"),
        (["judge", "snip", "--looks", "5,3"], "verdict.looks: must ascend"),
        (["judge", "snip", "--looks", "2,3"], "verdict.looks: must be numbers of seeds from 3"),
        (["run", "--until-decided", "nope"], "unknown study 'nope'"),
        (["run", "--until-decided", "--force"], "--force: --until-decided chooses the targets itself"),
        (["run", "--budget", "30m"], "--budget needs --until-decided"),
        (["judge", "builtins:int"], "'builtins:int': its arguments cannot be read"),
        (["verdict"], "no verdicts yet"),
        (["plan", "nope"], "error: unknown study 'nope'"),
        (["plan", "--study", "/nope.yaml"], "error: /nope.yaml: no such file"),
        (["inspect", "results/runs/x"], "no such folder"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    tmp_path: Path, monkeypatch, capsys, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(*IN_THIS_PROCESS)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert message in told
    assert len(told.strip().splitlines()) == 1


def test_a_mistake_leaves_the_study_as_it_was_and_makes_no_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prunepipe.cli.deciding.run_on_screen", lambda *_: 0)
    assert main(["judge", "snip", "--dry-run"]) == 0
    study = tmp_path / "judged" / "own_snip" / "own_snip.yaml"
    before = study.read_text()
    assert main(["judge", "snip", "--dry-run", "--start", "fnal"]) == 1
    assert main(["judge", "snip", "--dry-run", "--name", "other", "--seeds", "2"]) == 1
    assert main(["judge", "snip", "--dry-run", "--name", "../evil"]) == 1
    assert study.read_text() == before
    assert [path.name for path in (tmp_path / "judged").iterdir()] == ["own_snip"]


def test_outside_a_project_the_command_brings_its_own_settings(tmp_path: Path) -> None:
    bare = snakemake_command(tmp_path / "s.yaml", tmp_path, site=["device=cpu"])
    assert "--configfile" in bare
    assert bare[-2:] == [f"study={tmp_path}/s.yaml", "device=cpu"]
    (tmp_path / "config.yaml").write_text("device: cpu\n")
    (tmp_path / "profiles" / "default").mkdir(parents=True)
    own = snakemake_command(tmp_path / "s.yaml", tmp_path)
    assert "--configfile" not in own
    assert own[own.index("--workflow-profile") + 1] == str(tmp_path / "profiles" / "default")


@pytest.mark.parametrize("study", [["fashion"], ["--study", "fashion"]])
def test_a_plan_is_printed(capsys, study: list[str]) -> None:
    assert main(["plan", *study]) == 0
    assert "Study fashion" in capsys.readouterr().out


def test_an_own_study_of_the_folder_wins_over_one_that_comes_along(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "quickstart.yaml").write_text(yaml.safe_dump({"seeds": [0]}))
    assert study_file("quickstart") == tmp_path / "config" / "quickstart.yaml"
    assert study_file("fashion").is_file()
    with pytest.raises(ConfigError, match="mine.yaml: no such file"):
        study_file("mine.yaml")


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr().err
    assert "judge" in told
    assert "First steps: `prunepipe try" in " ".join(told.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["try", "snip", "--prune-ratio", "95"],
            "'95' must be a share from 0 to below 1; for 95 percent write 0.95",
        ),
        (["try", "snip", "--prune-ratio", "95%"], "for 95 percent write 0.95"),
        (["try", "snip", "--prune-ratio", "1.0"], "'1.0' must be a share from 0 to below 1"),
        (["try", "snip", "--prune-ratio", "most"], "'most' is no number; write 0.95"),
        (["judge", "snip", "--cores", "0"], "'0' must be a number above 0, or `all`"),
        (["judge", "snip", "--seeds", "0"], "--seeds: '0' must be a number above 0"),
        (["plan", "--gpus", "0"], "--gpus: '0' must be a number above 0"),
        (
            ["audit", "file", "--image-size", "0"],
            "'0' must be a number of pixels, or HEIGHTxWIDTH, such as 16x48",
        ),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_its_option(arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
